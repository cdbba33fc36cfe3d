import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import ts from 'typescript'

/** Source files below the folders, paths relative to the repository; what scripts/ generates is left out. */
export function sourceFiles(...folders: readonly string[]): string[] {
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => posix.join(folder, name)),
  )
  return files.filter((file) => /\.(ts|mjs)$/.test(file) && !/\.(generated|d)\.ts$|node_modules/.test(file)).sort()
}

export function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)
}

/** All nodes of a tree. */
export function* walk(node: ts.Node): Generator<ts.Node> {
  yield node
  for (const child of node.getChildren()) yield* walk(child)
}

const packageImports = (
  JSON.parse(readFileSync('package.json', 'utf8')) as { imports: Record<string, { default: string }> }
).imports

export interface Import {
  /** What is imported: a path relative to the repository, `node:` for any of Node's modules, or a package's name. */
  readonly to: string
  /** `type` leaves no trace in the program; `dynamic` is `import()`. */
  readonly kind: 'type' | 'static' | 'dynamic'
}

function target(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(file), specifier)
  if (specifier.startsWith('node:')) return 'node:'
  if (specifier.startsWith('#')) return packageImports[specifier]!.default
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

export function importsOf(file: string): Import[] {
  const found: Import[] = []
  const add = (kind: Import['kind'], specifier: ts.Node | undefined): void => {
    if (!specifier || !ts.isStringLiteralLike(specifier)) throw new Error(`${file}: an import that is not a literal`)
    found.push({ to: target(file, specifier.text), kind })
  }
  for (const node of walk(parse(file))) {
    if (ts.isImportDeclaration(node)) {
      add(node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword ? 'type' : 'static', node.moduleSpecifier)
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
      add(node.isTypeOnly ? 'type' : 'static', node.moduleSpecifier)
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add('type', node.argument.literal)
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add('dynamic', node.arguments[0])
    }
  }
  return found
}

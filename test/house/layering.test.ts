import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { operators } from '../../compiler/onnx/ops/index.ts'
import { importsOf, parse, sourceFiles, walk } from './sources.ts'

/** A row of the table in compiler/README.md: a file or folder (which ends with a slash) and what it may import. */
interface Row {
  readonly part: string
  readonly allowed: readonly string[]
}

const code = /`([^`]+)`/g
/** The table gives paths relative to compiler/, packages by name, and Node's own modules as `node:`. */
function named(cell: string): string[] {
  const local = (name: string): boolean => /^\.|\/$|\.ts$/.test(name)
  return [...cell.matchAll(code)].map(([, name]) => (local(name!) ? posix.join('compiler', name!) : name!))
}

const table: Row[] = readFileSync('compiler/README.md', 'utf8')
  .split('## Who may import whom')[1]!
  .split('\n## ')[0]!
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => {
    const [, part, , allowed] = line.split('|')
    return { part: named(part!)[0]!, allowed: named(allowed!) }
  })

const inside = (path: string, part: string): boolean => path === part || (part.endsWith('/') && path.startsWith(part))
/** The row for a path: the most special one. */
const rowOf = (path: string): Row | undefined =>
  table.filter(({ part }) => inside(path, part)).sort((a, b) => b.part.length - a.part.length)[0]

const files = sourceFiles('compiler', 'runtime', 'assembly')
const imports = new Map(files.map((file) => [file, importsOf(file)]))

const isPackage = (to: string): boolean => to !== 'node:' && (to.startsWith('@') || !to.includes('/'))

it('has a row for every source file, and files for every row', () => {
  expect(files.filter((file) => !rowOf(file))).toEqual([])
  expect(table.filter(({ part }) => !files.some((file) => rowOf(file)?.part === part))).toEqual([])
})

it('has no import that the table lacks', () => {
  const wrong = files.flatMap((file) => {
    const { part, allowed } = rowOf(file) ?? { part: file, allowed: [] }
    const others = imports.get(file)!.filter(({ to }) => ![part, ...allowed].some((entry) => inside(to, entry)))
    return others.map(({ to, kind }) => `${file} imports ${to} (${kind})`)
  })
  expect(wrong).toEqual([])
})

it('has no entry in the table that no file needs', () => {
  const needless = table.flatMap((row) => {
    const used = files.filter((file) => rowOf(file) === row).flatMap((file) => imports.get(file)!)
    const entries = row.allowed.filter((entry) => !used.some(({ to }) => inside(to, entry)))
    return entries.map((entry) => `${row.part} → ${entry}`)
  })
  expect(needless).toEqual([])
})

it('has no cycle of imports, type-only ones apart', () => {
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): void => {
    if (path.includes(file)) expect.fail([...path.slice(path.indexOf(file)), file].join(' → '))
    if (done.has(file)) return
    path.push(file)
    for (const { to, kind } of imports.get(file) ?? []) if (kind !== 'type') visit(to)
    path.pop()
    done.add(file)
  }
  files.forEach(visit)
})

it('declares the packages that it imports', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, object>
  const undeclared = files.flatMap((file) =>
    imports.get(file)!.flatMap(({ to, kind }) => {
      if (!isPackage(to)) return []
      // What is loaded on demand may be missing on the user's machine; the code says so there.
      const declared = to in dependencies! || (kind !== 'static' && to in devDependencies!)
      return declared ? [] : [`${file} imports ${to} (${kind})`]
    }),
  )
  expect(undeclared).toEqual([])
})

it('knows ONNX operators in the front end alone', () => {
  const found = sourceFiles('compiler/core', 'compiler/passes', 'compiler/schedule', 'compiler/wasm').flatMap((file) =>
    [...walk(parse(file))].flatMap((node) =>
      ts.isStringLiteralLike(node) && Object.hasOwn(operators, node.text) ? [`${file}: '${node.text}'`] : [],
    ),
  )
  expect(found).toEqual([])
})

it('has no file of more than 400 lines', () => {
  const all = [...files, ...sourceFiles('scripts', 'test', 'examples')]
  const long = all.filter((file) => readFileSync(file, 'utf8').trimEnd().split('\n').length > 400)
  expect(long).toEqual([])
})

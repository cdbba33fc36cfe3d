// Compiles assembly/ for each target, splits the result into one small module per exported template, and writes
// compiler/schedule/templates.generated.ts (names, arguments and their roles) and compiler/wasm/templates.generated.ts (the bytes).
import asc from 'assemblyscript/asc'
import binaryen from 'binaryen'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import ts from 'typescript'

const targets = ['simd', 'relaxed-simd']

async function compile(target) {
  const more = target === 'relaxed-simd' ? ['assembly/relaxed.ts'] : []
  const { error, stderr } = await asc.main([...more, '--config', 'asconfig.json', '--target', target])
  if (error) throw new Error(`assembly/ for ${target}: ${error.message}\n${stderr.toString()}`)
  return readFile(`dist/assembly/${target}.wasm`)
}

const typeNames = new Map([
  [binaryen.i32, 'i32'],
  [binaryen.i64, 'i64'],
  [binaryen.f32, 'f32'],
  [binaryen.f64, 'f64'],
  [binaryen.v128, 'v128'],
])
const types = (t) => binaryen.expandType(t).map((each) => typeNames.get(each))

function read(wasm) {
  const module = binaryen.readBinary(wasm)
  module.setFeatures(binaryen.Features.All)
  return module
}

const exportsOf = (module) =>
  Array.from({ length: module.getNumExports() }, (_, i) => binaryen.getExportInfo(module.getExportByIndex(i)))
const functionsOf = (module) =>
  Array.from({ length: module.getNumFunctions() }, (_, i) => binaryen.getFunctionInfo(module.getFunctionByIndex(i)))

// The linker copies one function for each template, so whatever it calls is inlined here.
const limit = 1 << 20
binaryen.setAlwaysInlineMaxSize(limit)
binaryen.setFlexibleInlineMaxSize(limit)
binaryen.setOneCallerInlineMaxSize(limit)
binaryen.setAllowInliningFunctionsWithLoops(true)
binaryen.setOptimizeLevel(3)

/** Types of assembly/roles.ts as the compiler knows them. */
const roles = new Map([
  ['In', 'in'],
  ['Out', 'out'],
  ['InOut', 'inout'],
  ['Scratch', 'scratch'],
  ['Aux', 'aux'],
  ['Flip', 'flip'],
])

/**
 * `@rows COUNT: ADDRESS STRIDE, …` in a template's comment: `COUNT` iterations that are apart from one another, between which
 * each address moves by the bytes of its stride; what is not named stays. Outermost first.
 */
function rowsOf(text) {
  return [...text.matchAll(/@rows (\w+): ([\w ,]+)/g)].map(([, count, moves]) => ({
    count,
    strides: Object.fromEntries(moves.split(',').map((move) => move.trim().split(' '))),
  }))
}

/** Names and roles of the arguments of all exported functions, by the sources. */
async function signatures() {
  const found = new Map()
  for (const name of await readdir('assembly', { recursive: true })) {
    if (!name.endsWith('.ts')) continue
    const source = ts.createSourceFile(name, await readFile(`assembly/${name}`, 'utf8'), ts.ScriptTarget.Latest, true)
    source.forEachChild((node) => {
      if (!ts.isFunctionDeclaration(node) || !(ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Export)) return
      const args = node.parameters.map((p) => ({ name: p.name.text, type: p.type.getText(source) }))
      const rows = rowsOf(
        ts
          .getJSDocCommentsAndTags(node)
          .map((comment) => comment.getFullText())
          .join('\n'),
      )
      found.set(node.name.text, { args, rows })
    })
  }
  return found
}
const sources = await signatures()

/** The template's arguments in order: for addresses their roles, for all others their types. */
function argumentsOf(template, types) {
  const { args } = sources.get(template)
  return Object.fromEntries(
    args.map(({ name, type }, i) => {
      if (type === 'usize')
        throw new Error(`template ${template}: ${name} is an address without a role (assembly/roles.ts)`)
      return [name, roles.get(type) ?? types[i]]
    }),
  )
}

/** Loops over rows, whose names must be the arguments'. */
function checkedRows(template, params) {
  const { rows } = sources.get(template)
  for (const { count, strides } of rows) {
    const names = [count, ...Object.entries(strides).flat()]
    const unknown = names.find((name) => !(name in params))
    if (unknown) throw new Error(`template ${template}: @rows names ${unknown}, which is no argument`)
  }
  return rows.length > 0 ? { rows } : {}
}

const bases = (functions, module) => functions.filter((f) => f.module === module).map((f) => f.base)

/** The module reduced to one exported function; checks that it needs nothing else. */
function extract(wasm, name) {
  const module = read(wasm)
  for (const each of exportsOf(module)) if (each.name !== name) module.removeExport(each.name)
  module.runPasses(['remove-unused-module-elements', 'inlining-optimizing', 'remove-unused-module-elements'])
  const functions = functionsOf(module)
  const imported = functions.filter((f) => f.module)
  const main = functions.find((f) => f.name === exportsOf(module)[0].value)
  const complaint =
    (functions.length !== imported.length + 1 && 'calls a function that was not inlined') ||
    (module.getNumGlobals() > 0 && 'uses a global') ||
    (module.getNumDataSegments() > 0 && 'has static data') ||
    imported
      .filter((f) => f.module !== 'hole' && f.module !== 'template')
      .map((f) => `imports ${f.module}.${f.base}`)[0]
  if (complaint) throw new Error(`template ${name} ${complaint}`)
  const params = argumentsOf(name, types(main.params))
  const info = {
    params,
    ...checkedRows(name, params),
    results: types(main.results),
    holes: bases(imported, 'hole'),
    calls: bases(imported, 'template'),
  }
  const bytes = Buffer.from(module.emitBinary()).toString('base64')
  module.dispose()
  return { info, bytes }
}

/** All templates of a target: what is said of each, and its bytes. */
async function templatesOf(target) {
  const wasm = await compile(target)
  const whole = read(wasm)
  const names = exportsOf(whole)
    .filter((e) => e.kind === binaryen.ExternalFunction)
    .map((e) => e.name)
    .sort()
  whole.dispose()
  return names.map((name) => [name, extract(wasm, name)])
}

/** The same in a thread, so that targets are compiled side by side. */
async function templatesApart(target) {
  const [found] = await once(new Worker(new URL(import.meta.url), { workerData: target }), 'message')
  return found
}

async function build() {
  await mkdir('dist/assembly', { recursive: true })
  const infos = {}
  const bytes = {}
  const found = await Promise.all(targets.map(templatesApart))
  targets.forEach((target, i) => {
    bytes[target] = {}
    for (const [name, template] of found[i]) {
      infos[name] = template.info
      bytes[target][name] = template.bytes
    }
  })
  for (const [name, info] of Object.entries(infos)) {
    const wrong = info.calls.find((callee) => !infos[callee] || infos[callee].calls.length > 0)
    if (wrong) throw new Error(`template ${name} calls ${wrong}, which is no template, or calls others`)
    info.holes = [...new Set([...info.holes, ...info.calls.flatMap((callee) => infos[callee].holes)])]
  }
  const header = '// Generated by scripts/build-assembly.mjs from assembly/.\n'
  await writeFile(
    'compiler/schedule/templates.generated.ts',
    `${header}export const templates = ${JSON.stringify(infos, null, 2)} as const\n\nexport type TemplateName = keyof typeof templates\n`,
  )
  await writeFile(
    'compiler/wasm/templates.generated.ts',
    `${header}/** WebAssembly of each template by target, base64. */\nexport const templateBytes: Readonly<Record<string, Readonly<Record<string, string>>>> = ${JSON.stringify(bytes, null, 2)}\n`,
  )
  console.log(`assembly: ${Object.keys(infos).length} templates for ${targets.join(' and ')}`)
}

if (isMainThread) await build()
else parentPort.postMessage(await templatesOf(workerData))

/** The compiler, off the page's own thread. */
import { zipSync } from 'fflate'
import { likelyStates } from '../../compiler/cli/state-hint.ts'
import {
  codes,
  CompileError,
  decodeModel,
  fail,
  reasonOf,
  type Diagnostic,
  type ValueInfo,
} from '../../compiler/index.ts'
import { build, type Model } from './compile.ts'
import { nameOf, type Calls, type Choices, type Failure, type Opened, type Reply, type Request } from './protocol.ts'
import { Runner } from './run.ts'

const say = (reply: Reply, transfer: Transferable[] = []): void => postMessage(reply, { transfer })
const progress = (text: string): void => say({ kind: 'progress', text })

let model: Model | undefined
let runner: Runner | undefined

/** More than this does not fit into a page several times, as a compiler needs it. */
const mostBytes = 2 ** 28

type Call<K extends keyof Calls> = (
  argument: Parameters<Calls[K]>[0],
) => ReturnType<Calls[K]> | Promise<ReturnType<Calls[K]>>

const calls: { readonly [K in keyof Calls]: Call<K> } = {
  async open(files) {
    const total = files.reduce((sum, { size }) => sum + size, 0)
    if (total > mostBytes)
      fail('A301', `the files have ${megabytes(total)}; a page takes ${megabytes(mostBytes)}`, {
        hint: 'the command line takes larger ones: npx attar compile model.onnx -o out',
      })
    const onnx = files.filter(({ name }) => /\.onnx$/i.test(name))
    const [file] = files.length === 1 ? files : onnx
    if (!file || (files.length > 1 && onnx.length > 1))
      fail(
        'A501',
        `${files.length} files, of which ${onnx.length} are .onnx: give one model, with the files of its weights`,
      )
    const others = new Map<string, Uint8Array>()
    for (const each of files) if (each !== file) others.set(each.name, new Uint8Array(await each.arrayBuffer()))
    const bytes = new Uint8Array(await file.arrayBuffer())
    const readExternal = (name: string): Uint8Array =>
      others.get(name.split('/').at(-1)!) ??
      fail('A103', `the model has weights in a file of its own, "${name}", which was not given`, {
        hint: 'choose or drop both files together',
      })
    const name = nameOf(file.name)
    runner = undefined
    model = { name, bytes, readExternal }
    return opened(model, file.name)
  },
  async compile(choices: Choices) {
    runner = undefined
    const inspected = (html: string): void => say({ kind: 'inspected', html })
    const built = await build(current(), choices, { progress, inspected })
    runner = new Runner(built)
    return built.shown
  },
  run: ({ files, seed }) => compiled().run(files, seed),
  measure: () => compiled().measure(progress),
  zip(files) {
    progress('packing')
    const contents = Object.fromEntries(files.map(({ name, bytes }) => [name, bytes]))
    // The same files give the same archive.
    return new Uint8Array(zipSync(contents, { level: 6, mtime: new Date(1980, 0, 1) }))
  },
}

const current = (): Model => model ?? fail('A501', 'there is no model')
const compiled = (): Runner => runner ?? fail('A501', 'nothing is compiled')
const megabytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20).toLocaleString('en-US')} MB`

function opened({ bytes, readExternal }: Model, name: string): Opened {
  const { graph } = decodeModel(bytes, readExternal)
  const inputs = graph.inputs.filter((input) => !graph.initializers.has(input.name))
  const info = ({ name, dtype, typeName, shape }: ValueInfo) => ({
    name,
    type: `${dtype ?? typeName}[${shape ? shape.map((d) => d ?? '?').join(',') : '…'}]`,
  })
  const named = inputs.flatMap(({ shape }) => (shape ?? []).filter((d) => typeof d === 'string'))
  const typed = (all: readonly ValueInfo[]) =>
    all.flatMap(({ name, dtype, shape }) => (dtype && shape ? [{ name, dtype, shape }] : []))
  return {
    ...{ name, bytes: bytes.length, inputs: inputs.map(info), outputs: graph.outputs.map(info) },
    dims: [...new Set(named)],
    open: inputs.filter(({ shape }) => !shape || shape.includes(undefined)).map(({ name }) => name),
    likelyStates: likelyStates(typed(inputs), typed(graph.outputs)),
  }
}

const failureOf = ({ code, message, origin, hint }: Diagnostic): Failure => ({
  ...{ code, kind: codes[code], message },
  ...(origin && { place: `${origin.operator} "${origin.node}" (opset ${origin.opset})` }),
  ...(hint !== undefined && { hint }),
})

async function answer({ call, argument }: Request): Promise<void> {
  try {
    const value = await calls[call](argument as never)
    const files = 'files' in value ? value.files : []
    const large = value instanceof Uint8Array ? [value] : files.map(({ bytes }) => bytes)
    say(
      { kind: 'result', value },
      large.map(({ buffer }) => buffer),
    )
  } catch (error) {
    const failures =
      error instanceof CompileError
        ? error.diagnostics.map(failureOf)
        : [
            {
              message: `This browser gave up: ${reasonOf(error)}`,
              hint: 'Smaller models may do; the command line has more memory.',
            },
          ]
    say({ kind: 'failed', failures })
  }
}

addEventListener('message', ({ data }: MessageEvent<Request>) => void answer(data))

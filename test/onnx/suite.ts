import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CompileError } from '../../compiler/core/diagnostic.ts'
import { isFloat } from '../../compiler/core/dtype.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { sameShape } from '../../compiler/core/shape.ts'
import { formatType, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { verify } from '../../compiler/core/verify.ts'
import { decodeModel, decodeTensor, type ValueInfo } from '../../compiler/onnx/decode.ts'
import { importModel } from '../../compiler/onnx/import.ts'

/** Where Debian's libonnx-testdata puts the ONNX backend cases. */
export const suiteRoot = '/usr/share/libonnx-testdata/data'

export interface SuiteCase {
  /** `node/test_abs`, below the root. */
  readonly name: string
  readonly folder: string
}

/** Folders below `root` that hold a model and data for it. */
export function listCases(root = suiteRoot): SuiteCase[] {
  if (!existsSync(root)) return []
  const groups = readdirSync(root).filter((group) => group !== 'real')
  const cases = groups.flatMap((group) => readdirSync(join(root, group)).map((name) => `${group}/${name}`))
  return cases
    .map((name) => ({ name, folder: join(root, name) }))
    .filter(({ folder }) => existsSync(join(folder, 'model.onnx')) && existsSync(join(folder, 'test_data_set_0')))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Tensors by name; files stand for the ports in order. Older data has bf16 as the u16 of its bits. */
export function readTensors(
  folder: string,
  kind: 'input' | 'output',
  ports: readonly ValueInfo[],
): Record<string, Tensor> {
  const found: [string, Tensor][] = []
  ports.forEach(({ name, dtype }, i) => {
    const file = join(folder, `${kind}_${i}.pb`)
    if (!existsSync(file)) return
    const { tensor } = decodeTensor(readFileSync(file))
    found.push([name, dtype === 'bf16' && tensor.dtype === 'u16' ? { ...tensor, dtype } : tensor])
  })
  return Object.fromEntries(found)
}

/** What is wrong with `actual`, or undefined. Floats within 1e-4 + 1e-3 |expected|, everything else exact. */
export function difference(actual: Tensor, expected: Tensor): string | undefined {
  if (actual.dtype !== expected.dtype || !sameShape(actual.shape, expected.shape)) {
    return `${formatType(actual)}, expected ${formatType(expected)}`
  }
  if (!isFloat(actual.dtype)) {
    const at = expected.data.findIndex((value, i) => value !== actual.data[i])
    return at < 0 ? undefined : `${actual.data[at]} at ${at}, expected ${expected.data[at]}`
  }
  const a = toNumbers(actual)
  const b = toNumbers(expected)
  const at = b.findIndex(
    (value, i) =>
      !Object.is(a[i], value) && a[i] !== value && !(Math.abs(a[i]! - value) <= 1e-4 + 1e-3 * Math.abs(value)),
  )
  return at < 0 ? undefined : `${a[at]} at ${at}, expected ${b[at]}`
}

/**
 * Imports a model for the given inputs. Those that must be known at compile time are bound: at first none, then the
 * integers but the first input, then all but the first, then all.
 */
export function importFor(bytes: Uint8Array, inputs: Readonly<Record<string, Tensor>>): ReturnType<typeof importModel> {
  const entries = Object.entries(inputs)
  const shapes = Object.fromEntries(entries.map(([name, t]) => [name, t.shape]))
  const rest = entries.slice(1)
  for (const bound of [[], rest.filter(([, t]) => !isFloat(t.dtype)), rest]) {
    try {
      return importModel(bytes, { shapes, bind: Object.fromEntries(bound) })
    } catch (error) {
      if (!(error instanceof CompileError) || !error.diagnostics.every((d) => d.code === 'A206')) throw error
    }
  }
  return importModel(bytes, { bind: inputs })
}

/** What is wrong with a case under the reference evaluator, or undefined. */
export function runCase({ folder }: SuiteCase): string | undefined {
  const bytes = readFileSync(join(folder, 'model.onnx'))
  const { graph: declared } = decodeModel(bytes)
  const ports = declared.inputs.filter(({ name }) => !declared.initializers.has(name))
  for (const set of readdirSync(folder).filter((name) => name.startsWith('test_data_set_'))) {
    const inputs = readTensors(join(folder, set), 'input', ports)
    const expected = readTensors(join(folder, set), 'output', declared.outputs)
    const { graph } = importFor(bytes, inputs)
    verify(graph)
    const actual = evaluate(graph, inputs)
    for (const [name, value] of Object.entries(expected)) {
      const wrong = difference(actual[name]!, value)
      if (wrong) return `${name}: ${wrong}`
    }
  }
  return undefined
}

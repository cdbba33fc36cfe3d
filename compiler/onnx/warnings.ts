import type { Diagnostic } from '../core/diagnostics/diagnostic.ts'
import type { ModelProto } from './decode.ts'

/** The newest opsets whose operators are known, by domain. */
const newestOpsets: Readonly<Record<string, number>> = { '': 28, 'ai.onnx.ml': 5, 'ai.onnx.preview': 1 }

/** What is odd about a model that compiles all the same. */
export function warningsOf({ opsets, graph }: ModelProto): Diagnostic[] {
  const newer = [...opsets].flatMap(([domain, version]): Diagnostic[] => {
    const newest = Object.hasOwn(newestOpsets, domain) ? newestOpsets[domain]! : Infinity
    const name = domain || 'ai.onnx'
    const message = `the model is of opset ${version} of ${name}, attar knows it up to ${newest}: operators that changed since are computed as they were`
    return version > newest ? [{ code: 'A107', message }] : []
  })
  const names = graph.outputs.map(({ name }) => name)
  const repeated = [...new Set(names.filter((name, i) => names.indexOf(name) < i))]
  return [
    ...newer,
    ...repeated.map((name): Diagnostic => ({
      code: 'A108',
      message: `the model names its output "${name}" twice; the module has it once`,
    })),
  ]
}

import { readerBeside, readFile, type LiteralType } from '../data/index.ts'
import { decodeModel, fail } from '../index.ts'

/** Gives the type that the model at `path` declares for an input. A106 where it has none, A202 for one without numbers. */
export function inputType(path: string, name: string): () => LiteralType {
  return () => {
    const { inputs } = decodeModel(readFile(path), readerBeside(path)).graph
    const found = inputs.find((input) => input.name === name)
    const names = inputs.map((input) => `"${input.name}"`).join(', ') || 'none'
    if (!found) fail('A106', `the model has no input "${name}"; it has ${names}`)
    const { dtype, shape, typeName } = found
    if (!dtype) fail('A202', `input "${name}" is of type ${typeName}, which no number is`)
    return { dtype, shape }
  }
}

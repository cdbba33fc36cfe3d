import { readerBeside, readFile, type LiteralType } from '../../data/index.ts'
import { decodeModel, fail, type ValueInfo } from '../../index.ts'

/** The inputs that the model at `path` declares. */
export const inputsOf = (path: string): readonly ValueInfo[] =>
  decodeModel(readFile(path), readerBeside(path)).graph.inputs

/** One of them. A106 where there is none of that name. */
export function inputNamed(inputs: readonly ValueInfo[], name: string): ValueInfo {
  const names = inputs.map((input) => `"${input.name}"`).join(', ') || 'none'
  return (
    inputs.find((input) => input.name === name) ?? fail('A106', `the model has no input "${name}"; it has ${names}`)
  )
}

/** The type of an input, for numbers that a user wrote. A202 where no number is of it. */
export function literalType({ name, dtype, shape, typeName }: ValueInfo): LiteralType {
  return dtype ? { dtype, shape } : fail('A202', `input "${name}" is of type ${typeName}, which no number is`)
}

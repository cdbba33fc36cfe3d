/** What keeps a model from being compared, one function for each error. None returns. */
import { fail } from '../index.ts'

export function cannotSearch(root: string, why: string): never {
  fail('A502', `cannot search "${root}" for cases: ${why}`)
}

export function notJson(path: string, why: string): never {
  fail('A502', `"${path}" is not JSON: ${why}`)
}

export function malformedMeta(path: string, key: string): never {
  fail('A502', `"${path}": ${key} is not what it should be`)
}

/** `port` names an input or output, `type` is ONNX's. */
export function unknownType(port: string, type: string): never {
  fail('A202', `${port} is of type ${type}, which attar does not have`)
}

export function referenceLacksType(input: string, dtype: string): never {
  fail('A202', `onnxruntime-web does not take ${dtype}, the type of input "${input}"`)
}

export function referenceCannotLoad(why: string): never {
  fail('A507', `onnxruntime-web cannot load the model: ${why}`)
}

export function referenceCannotRun(why: string): never {
  fail('A507', `onnxruntime-web cannot run the model: ${why}`)
}

export function noValue(input: string): never {
  fail('A501', `there is no value for input "${input}"`)
}

/** Of an input that is a constant in the module. */
export function notBound(input: string): never {
  fail('A501', `the model's input "${input}" has no value`, {
    hint: `bind it as it was when compiled: --bind ${input}=VALUE`,
  })
}

/** Of a model whose inputs or outputs are no plain tensors. */
export function notComparable(what: string): never {
  fail('A501', `onnxruntime-web gives and takes tensors alone, and the model has ${what}`, {
    hint: 'attar verify --cases compares with the data of ONNX test cases',
  })
}

export function noRunner(): never {
  fail('A501', 'this engine runs none of the modules')
}

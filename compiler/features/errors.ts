/** What can be wrong with features and the input that they are for. None returns. */
import { log2 } from '../core/math/index.ts'
import { fail } from '../core/diagnostics/diagnostic.ts'
import { formatType, type TensorType } from '../core/tensor.ts'

interface Named extends TensorType {
  readonly name: string
}

export function noFeatureInput(input: Named, bands: number): never {
  fail('A504', `input "${input.name}" is ${formatType(input)}, which takes no features of ${bands} bands`, {
    hint: `features go into f32[T, ${bands}] or f32[${bands}, T], where other axes are 1, or into f32[T × ${bands}]; bands are coefficients, or mels, or fft / 2 + 1`,
  })
}

export function contradictory(why: string): never {
  fail('A501', `features: ${why}`)
}

export function otherCount(samples: number, pieces: number, wanted: number): never {
  fail('A504', `features: ${samples} samples have ${pieces} pieces, the input takes ${wanted}`)
}

export function noStream(why: string): never {
  fail('A501', `a stream has no end: ${why}`, { hint: 'without streaming, the module takes a whole sound' })
}

export function tooManyHops(hops: number, pieces: number): never {
  fail('A501', `${hops} hops in a run, more than the ${pieces} pieces that the model looks at`)
}

export function tooLong(what: string, limit: number): never {
  fail('A301', `features of ${what}: the limit is 2^${log2(limit)}`)
}

import type { DType } from '../../core/scalar/dtype.ts'
import { createNode, type Port } from '../../core/graph.ts'
import type { Shape } from '../../core/shape.ts'

/** Names of inputs and outputs of training's programs beside the model's own. */
const own = (name: string): string => `attar:${name}`
export const ports = {
  target: own('target'),
  weight: own('weight'),
  counter: own('counter'),
  scalar: (name: string) => own(`scalar ${name}`),
  mask: (place: number) => own(`mask ${place}`),
  loss: own('loss'),
  /** Σ weight · loss over a batch or a micro-batch. */
  sum: own('sum'),
  /** The weight of all samples of a batch. */
  total: own('total'),
  /** How many micro-batches of a batch have samples. */
  batches: own('batches'),
  gradient: (parameter: string) => own(`gradient ${parameter}`),
  /** What a running statistic takes in. */
  observed: (statistic: string) => own(`observed ${statistic}`),
  correct: own('correct'),
  /** What a teacher answers alike. */
  agreed: own('agreed'),
  slot: (parameter: string, slot: string) => own(`${slot} ${parameter}`),
  average: (parameter: string) => own(`average ${parameter}`),
  /** 1 where a parameter is trained, 0 where it is zero and stays so. */
  kept: (parameter: string) => own(`kept ${parameter}`),
  next: (state: string) => own(`next ${state}`),
}

export const input = (name: string, dtype: DType, shape: Shape): Port => ({
  name,
  value: createNode('input', [], { name, type: { dtype, shape } }, undefined).results[0]!,
})

import type { Port, View } from './index.ts'

/** Which output has a score for each of its `classes`, and what makes it one: the scores are the output itself, or what this function gives. */
export interface Scores {
  readonly output: string
  readonly activation: 'softmax' | 'sigmoid' | 'none'
}

export interface Classification {
  readonly label: string
  readonly score: number
}

export interface Choice {
  /** How many at most. */
  readonly top?: number
  /** What no score is below. */
  readonly threshold?: number
}

/** The classes with their scores, the highest first. */
export function ranked(
  output: View,
  classes: NonNullable<Port['classes']>,
  activation: Scores['activation'],
  { top = Infinity, threshold = -Infinity }: Choice = {},
): Classification[] {
  const values = Array.from(output as Float32Array)
  const greatest = Math.max(...values)
  let sum = 1
  if (activation === 'softmax') {
    sum = 0
    for (const [i, x] of values.entries()) sum += values[i] = Math.exp(x - greatest)
  }
  return values
    .map((x, i) => ({ label: `${classes[i]}`, score: activation === 'sigmoid' ? 1 / (1 + Math.exp(-x)) : x / sum }))
    .filter(({ score }) => score >= threshold)
    .sort((a, b) => b.score - a.score)
    .slice(0, top)
}

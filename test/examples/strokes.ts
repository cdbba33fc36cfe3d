import { Random } from '../support/random.ts'

/** Points [x, y] within a square of side 1. */
type Stroke = [x: number, y: number][]

const along = (count: number, at: (t: number) => [x: number, y: number]): Stroke =>
  Array.from({ length: count }, (_, i) => at(i / (count - 1)))

/** What a hand draws, another one for each seed: of another size, place, slant and steadiness. */
function drawn(strokes: Stroke[], seed: number): Stroke[] {
  const random = new Random(seed)
  const between = (low: number, high: number) => low + (high - low) * random.float()
  const [size, slant] = [between(0.5, 0.8), between(-0.15, 0.15)]
  const [left, top] = [between(0.05, 0.9 - size), between(0.05, 0.9 - size)]
  const shaken = (): number => between(-0.015, 0.015)
  return strokes.map((stroke) =>
    stroke.map(([x, y]) => [left + size * (x + slant * (0.5 - y)) + shaken(), top + size * y + shaken()]),
  )
}

export const circle = (seed: number): Stroke[] =>
  drawn([along(24, (t) => [0.5 + 0.45 * Math.cos(6.3 * t), 0.5 + 0.5 * Math.sin(6.3 * t)])], seed)

export const cross = (seed: number): Stroke[] =>
  drawn([along(8, (t) => [0.05 + 0.9 * t, t]), along(8, (t) => [0.95 - 0.9 * t, t])], seed)

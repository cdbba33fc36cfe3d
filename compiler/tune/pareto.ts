/** Whether `a` is nowhere greater than `b`, and somewhere less. */
export const dominates = (a: readonly number[], b: readonly number[]): boolean =>
  a.every((x, i) => x <= b[i]!) && a.some((x, i) => x < b[i]!)

/**
 * Places of `values`, all to be minimized, in fronts: those that nothing dominates, those that only these dominate, and so on (Deb et al.,
 * "A Fast and Elitist Multiobjective Genetic Algorithm", 2002). Within a front in their order.
 */
export function fronts(values: readonly (readonly number[])[]): readonly (readonly number[])[] {
  let left = values.map((_, i) => i)
  const found: number[][] = []
  while (left.length > 0) {
    const front = left.filter((i) => !left.some((j) => dominates(values[j]!, values[i]!)))
    found.push(front)
    const taken = new Set(front)
    left = left.filter((i) => !taken.has(i))
  }
  return found
}

/**
 * The places of one front by how far they are from their neighbours, the loneliest first (the crowding distance of the same paper). Ends
 * of the front come before all.
 */
export function byCrowding(front: readonly number[], values: readonly (readonly number[])[]): readonly number[] {
  const distance = new Map(front.map((i) => [i, 0]))
  const objectives = values[front[0]!]!.length
  for (let m = 0; m < objectives; m++) {
    const sorted = [...front].sort((i, j) => values[i]![m]! - values[j]![m]! || i - j)
    const at = (k: number): number => values[sorted[k]!]![m]!
    const range = at(sorted.length - 1) - at(0)
    sorted.forEach((i, k) => {
      const isEnd = k === 0 || k === sorted.length - 1
      const gap = isEnd ? Infinity : range > 0 ? (at(k + 1) - at(k - 1)) / range : 0
      distance.set(i, distance.get(i)! + gap)
    })
  }
  return [...front].sort((i, j) => distance.get(j)! - distance.get(i)! || i - j)
}

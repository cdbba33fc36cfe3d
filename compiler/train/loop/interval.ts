/** The 95 % interval of a share of which `right` of `count` were seen (Wilson, 1927). */
export function shareInterval(share: number, count: number): readonly [low: number, high: number] {
  const z = 1.959964
  const middle = share + (z * z) / (2 * count)
  const half = z * Math.sqrt((share * (1 - share)) / count + (z * z) / (4 * count * count))
  const all = 1 + (z * z) / count
  return [Math.max(0, (middle - half) / all), Math.min(1, (middle + half) / all)]
}

/** Uniform in [0, 1), 32 bits at a time; the same seed gives the same numbers everywhere (xorshift32, Marsaglia 2003). */
export function uniform(seed: number): () => number {
  // Spreads small seeds over all bits; zero is xorshift's fixed point.
  let state = Math.imul(seed + 1, 0x9e3779b1) || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** `count` of the numbers 0 … n − 1 in ascending order, each set equally likely (all of them if there are no more). */
export function choose(count: number, n: number, seed: number): number[] {
  const next = uniform(seed)
  const all = Array.from({ length: n }, (_, i) => i)
  const kept = Math.min(count, n)
  for (let i = 0; i < kept; i++) {
    const j = i + Math.floor(next() * (n - i))
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all.slice(0, kept).sort((a, b) => a - b)
}

/** Somebody who says vowels, made by a pulse train through resonances (Klatt, Software for a cascade/parallel formant synthesizer, 1980). */
export function voice(seconds: number, rate: number): number[] {
  /** The first three formants of five vowels, and their widths, in Hz. */
  const vowels = [
    [730, 1090, 2440],
    [270, 2290, 3010],
    [300, 870, 2240],
    [530, 1840, 2480],
    [570, 840, 2410],
  ] as const
  const widths = [60, 90, 150]
  const resonators = widths.map(() => [0, 0] as [number, number])
  let [phase, before, seed] = [0, 0, 1]
  const samples = Array.from({ length: seconds * rate }, (_, i) => {
    const t = i / rate
    const syllable = Math.floor(4 * t)
    const within = 4 * t - syllable
    const pitch = 140 * (1 + 0.15 * Math.sin(2 * Math.PI * 0.7 * t) + 0.02 * Math.sin(2 * Math.PI * 5 * t))
    phase = (phase + pitch / rate) % 1
    const open = phase < 0.6 ? Math.sin((Math.PI * phase) / 0.6) ** 2 : 0
    seed = (seed * 16807) % 2147483647
    const noise = seed / 2 ** 30 - 1
    let sound = within < 0.12 ? 0.02 * noise : open - before + 0.002 * noise
    before = open
    const [vowel, next] = [vowels[syllable % 5]!, vowels[(syllable + 1) % 5]!]
    for (const [k, width] of widths.entries()) {
      const formant = vowel[k]! + (next[k]! - vowel[k]!) * Math.max(0, within - 0.6) * 2
      const radius = Math.exp((-Math.PI * width) / rate)
      const [a, b] = [2 * radius * Math.cos((2 * Math.PI * formant) / rate), -radius * radius]
      const held = resonators[k]!
      sound = (1 - a - b) * sound + a * held[0] + b * held[1]
      ;[held[1], held[0]] = [held[0], sound]
    }
    return sound * Math.sin(Math.PI * Math.min(1, within / 0.85)) ** 0.7
  })
  const loudest = Math.max(...samples.map(Math.abs))
  return samples.map((x) => (0.5 * x) / loudest)
}

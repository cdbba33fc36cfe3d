import { InvalidArgumentError } from 'commander'

/** At most so many milliseconds, or (`x`) times what the calibration loop takes. */
export interface TimeLimit {
  readonly unit: 'ms' | 'x'
  readonly max: number
}

/** What the user allows. Sizes and memory in bytes. */
export interface Limits {
  readonly maxSize?: number | undefined
  readonly maxGzip?: number | undefined
  readonly maxBrotli?: number | undefined
  readonly maxMemory?: number | undefined
  readonly maxColdStart?: TimeLimit | undefined
  readonly maxLatency?: TimeLimit | undefined
}

const units: Readonly<Record<string, number>> = {
  ...{ '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9 },
  ...{ kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 },
}

/** `60kB` (thousands), `64KiB` (1024s), `1.5MB`, or a number of bytes; below 1,000 with the unit, since thousands are likely to be meant. */
export function bytes(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([kmg]?i?b)?$/i.exec(text) ?? []
  const factor = units[unit.toLowerCase()]
  if (number === undefined || factor === undefined)
    throw new InvalidArgumentError('It is not a size, such as 60kB (thousands), 64KiB (1024s) or 1.5MB.')
  if (unit === '' && Number(number) < 1000)
    throw new InvalidArgumentError(`A size below 1000 needs a unit: ${number}kB, or ${number}B.`)
  return Math.floor(Number(number) * factor)
}

const milliseconds: Readonly<Record<string, number>> = { us: 1e-3, µs: 1e-3, ms: 1, s: 1e3 }

/** `5ms`, `300us`, `1s`, or a ratio to the calibration loop: `40x`. */
export function timeLimit(text: string): TimeLimit {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?(ms|us|µs|s|x)$/.exec(text) ?? []
  if (number === undefined || unit === undefined)
    throw new InvalidArgumentError(
      'It is not a time, such as 5ms, 300us or 1s, or a ratio to the calibration loop, such as 40x.',
    )
  return unit === 'x' ? { unit, max: Number(number) } : { unit: 'ms', max: Number(number) * milliseconds[unit]! }
}

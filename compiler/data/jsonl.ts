import type { Tensor } from '../core/tensor.ts'
import { defaultLabel, unusedNotes, valueOf, type Dataset, type InputType } from './samples.ts'
import { hasNone, malformed, incompleteLabels, tooMany } from './errors.ts'
import { reasonOf } from '../core/diagnostics/errors.ts'

/** Lists within one another are no deeper than a tensor's dimensions could be. */
const maxDepth = 32

function flatten(value: unknown, into: number[], depth: number): boolean {
  if (typeof value === 'number' || typeof value === 'boolean') return into.push(Number(value)) > 0
  return Array.isArray(value) && depth < maxDepth && value.every((v) => flatten(v, into, depth + 1))
}

/** Bytes of one line: what is read from it takes some twenty times as much. */
const longestLine = 2 ** 26

/** The lines that are not empty, and their numbers. */
export function* linesOf(bytes: Uint8Array, what: string): Generator<{ text: string; number: number }> {
  const decoder = new TextDecoder()
  let number = 0
  for (let from = 0; from < bytes.length;) {
    const newline = bytes.indexOf(10, from)
    const end = newline < 0 ? bytes.length : newline
    number++
    if (end - from > longestLine) tooMany(`${what}, line ${number},`, longestLine, 'bytes')
    const text = decoder.decode(bytes.subarray(from, end)).trim()
    if (text !== '') yield { text, number }
    from = end + 1
  }
}

/**
 * An object in each line: `{"x": [[1, 2], [3, 4]], "y": 0}`, with nested or flat lists in row-major order. With `pad`, rows of
 * integers may be of any length.
 */
export function readJsonLines(
  bytes: Uint8Array,
  inputs: readonly InputType[],
  what: string,
  label?: string,
  pad?: number,
): Dataset {
  const samples: Record<string, Tensor>[] = []
  const labels: number[][] = []
  const labelName = label ?? defaultLabel
  const members = new Set<string>()
  const hasLabels = !inputs.some(({ name }) => name === labelName)
  for (const { text, number } of linesOf(bytes, what)) {
    const bad = (message: string, hint?: string): never => malformed(`${what}, line ${number}`, message, hint)
    const line = parseLine(text, bad)
    for (const name of Object.keys(line)) members.add(name)
    const numbers = (name: string): number[] | undefined => {
      if (!Object.hasOwn(line, name)) return undefined
      const values: number[] = []
      return flatten(line[name], values, 0) ? values : bad(`"${name}" is not made of numbers and lists`)
    }
    const entries = inputs.map((input) => {
      const { name } = input
      const values = numbers(name) ?? bad(`there is no "${name}"`)
      return [name, valueOf(input, values, pad, (message, hint) => bad(`"${name}" has ${message}`, hint))] as const
    })
    samples.push(Object.fromEntries(entries))
    const own = hasLabels ? numbers(labelName) : undefined
    if (own) labels.push(own)
  }
  if (samples.length === 0) hasNone(what, 'lines')
  if (labels.length !== 0 && labels.length !== samples.length)
    incompleteLabels(what, labels.length, samples.length, labelName)
  const used = new Set(inputs.map(({ name }) => name))
  if (labels.length > 0) used.add(labelName)
  const notes = unusedNotes('member', [...members], used, label, what)
  return { samples, notes, ...(labels.length > 0 && { labels }) }
}

export function parseLine(text: string, bad: (message: string) => never): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    bad(reasonOf(error))
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : bad('it is not an object')
}

import * as v from 'valibot'
import { fail } from '../core/diagnostics/diagnostic.ts'
import { hash } from '../core/bytes/hash.ts'

const whole = v.pipe(v.number(), v.integer(), v.minValue(0))
/** JSON has null for what is no number. */
const real = v.union([
  v.number(),
  v.pipe(
    v.null(),
    v.transform(() => NaN),
  ),
])
const point = v.record(v.string(), v.number())

const entrySchema = v.variant('kind', [
  /** What is searched, and how: the first entry. */
  v.strictObject({ kind: v.literal('study'), seed: whole, space: v.string(), settings: v.string() }),
  v.strictObject({ kind: v.literal('start'), trial: whole, point }),
  v.strictObject({ kind: v.literal('epoch'), trial: whole, epoch: whole, value: real, stops: v.boolean() }),
  v.strictObject({
    ...{ kind: v.literal('end'), trial: whole, state: v.picklist(['complete', 'stopped', 'failed', 'rejected']) },
    /** What is minimized, each; of trials that are complete or were stopped. */
    ...{ values: v.optional(v.array(real)), reason: v.optional(v.string()) },
  }),
])

/** What happened, in the order in which it did. */
export type Entry = v.InferOutput<typeof entrySchema>

const checksum = (text: string): string => hash([new TextEncoder().encode(text)])

/** An entry as a line: JSON, before it the hash of that. */
export function lineOf(entry: Entry): string {
  const text = JSON.stringify(entry)
  return `${checksum(text)} ${text}\n`
}

/** The entries of a journal, and the bytes that they take. What a writer did not finish, a torn last line, is left out. */
export interface JournalContents {
  readonly entries: readonly Entry[]
  readonly bytes: number
}

/** A502 where a line that others follow is damaged. */
export function readJournal(text: string, what: string): JournalContents {
  const entries: Entry[] = []
  let at = 0
  for (let number = 1; at < text.length; number++) {
    const end = text.indexOf('\n', at)
    const entry = end < 0 ? undefined : entryOf(text.slice(at, end))
    if (!entry) {
      const isLast = end < 0 || end + 1 >= text.length
      if (!isLast) fail('A502', `${what}, line ${number}: it is damaged`, { hint: 'a journal is only ever added to' })
      break
    }
    entries.push(entry)
    at = end + 1
  }
  return { entries, bytes: new TextEncoder().encode(text.slice(0, at)).length }
}

function entryOf(line: string): Entry | undefined {
  const [sum, text] = [line.slice(0, 16), line.slice(17)]
  if (line[16] !== ' ' || checksum(text) !== sum) return undefined
  try {
    const found = v.safeParse(entrySchema, JSON.parse(text))
    return found.success ? found.output : undefined
  } catch {
    return undefined
  }
}

import { extname } from 'node:path'
import { tensorOf, type Tensor } from '../core/tensor.ts'
import { isBigInt } from '../core/scalar/dtype.ts'
import type { TextSpec } from '../../runtime/texts.ts'
import { encoderOf, readTokenizer, textInputs, tokenizerFor } from '../text/index.ts'
import { rowsOf } from './csv.ts'
import { hasNone, incompleteLabels, malformed, noTexts } from './errors.ts'
import { readFile } from './files.ts'
import { linesOf, parseLine } from './jsonl.ts'
import { checkSize, defaultLabel, unusedNotes, type Dataset, type InputType } from './samples.ts'

/** A row of a table or a line of JSON, and where it stands. */
interface Entry {
  readonly where: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** What the column of texts is called, unless there is one alone beside the labels. */
const textName = 'text'

/**
 * Texts as inputs: a sample for each row of a `.csv`, or line of a `.jsonl`, with the text in column `text`, or in the only one beside the
 * labels. Labels are numbers, or names of classes, which are numbered in alphabetical order. Ids are cut and filled up to the inputs'
 * length. A501 and A504 where the inputs take no texts, A504 where the data has none, A502 where it cannot be read.
 */
export function readTexts(
  path: string,
  inputs: readonly InputType[],
  {
    tokenizer: file,
    pad,
    label,
  }: { readonly tokenizer: string; readonly pad?: number | undefined; readonly label?: string | undefined },
): Dataset & { readonly preprocess: { readonly pad: number; readonly tokenizer: string } } {
  const what = `"${path}"`
  const read = readTokenizer(readFile(file), file)
  const filled = pad === undefined ? read : { ...read, padding: { ...noPadding, ...read.padding, id: pad } }
  const { names, length } = textInputs(inputs, read, 'tokenizer')
  const tokenizer = tokenizerFor(filled, length)
  const encode = encoderOf(tokenizer)
  const entries = entriesOf(path, what)
  checkSize(entries.length, inputs)
  const columns = [...new Set(entries.flatMap(({ fields }) => Object.keys(fields)))]
  const labelName = label ?? defaultLabel
  const others = columns.filter((name) => name !== labelName)
  const column = others.includes(textName) || others.length !== 1 ? textName : others[0]!
  const samples = entries.map(({ where, fields }): Record<string, Tensor> => {
    const text = Object.hasOwn(fields, column) ? fields[column] : undefined
    if (typeof text !== 'string') return noTexts(where, column, columns)
    const encoding = encode(text)
    const values = { ...encoding, positions: encoding.ids.map((_, i) => i) }
    return Object.fromEntries(inputs.map((input) => [input.name, valueOf(input, values[roleOf(names, input.name)])]))
  })
  const used = new Set([column])
  const found = entries.filter(({ fields }) => Object.hasOwn(fields, labelName))
  if (found.length > 0) used.add(labelName)
  if (found.length > 0 && found.length < entries.length) incompleteLabels(what, found.length, entries.length, labelName)
  const notes = unusedNotes('column', columns, used, label, what)
  const preprocess = { pad: tokenizer.padding!.id, tokenizer: file }
  return { samples, notes, preprocess, ...(found.length > 0 && labelsOf(found, labelName)) }
}

const noPadding = { type: 0, length: 0, multiple: 1, isLeft: false }

type Part = 'ids' | 'mask' | 'types' | 'positions'

const roleOf = (names: TextSpec, input: string): Part =>
  (['ids', 'mask', 'types', 'positions'] as const).find((part) => names[part] === input)!

const valueOf = ({ dtype, shape }: InputType, values: readonly number[]): Tensor =>
  tensorOf(dtype, shape, isBigInt(dtype) ? values.map(BigInt) : values)

function entriesOf(path: string, what: string): Entry[] {
  const bytes = readFile(path)
  const entries: Entry[] = []
  if (extname(path) === '.jsonl') {
    for (const { text, number } of linesOf(bytes, what)) {
      const where = `${what}, line ${number}`
      entries.push({ where, fields: parseLine(text, (message) => malformed(where, message)) })
    }
  } else if (extname(path) === '.csv') {
    const [head, ...rows] = rowsOf(bytes, what)
    for (const { record, line } of rows) {
      const fields = Object.fromEntries(head!.record.map((name, i) => [name, record[i]]))
      entries.push({ where: `${what}, line ${line}`, fields })
    }
  } else return noTexts(what, textName, [])
  if (entries.length === 0) hasNone(what, 'texts')
  return entries
}

/** Numbers as they are, or else the places of names in the sorted list of all. */
function labelsOf(entries: readonly Entry[], name: string): Pick<Dataset, 'labels' | 'classes'> {
  const numbers = entries.map(({ fields }) => numbersIn(fields[name]))
  if (numbers.every((values) => values !== undefined)) return { labels: numbers }
  const names = entries.map(({ where, fields }) => {
    const value = fields[name]
    return typeof value === 'string' && value.trim() !== ''
      ? value.trim()
      : malformed(where, `"${name}" is neither a number nor the name of a class, as others are`)
  })
  const classes = [...new Set(names)].sort()
  const places = new Map(classes.map((each, i) => [each, i]))
  return { classes, labels: names.map((each) => [places.get(each)!]) }
}

function numbersIn(value: unknown): number[] | undefined {
  const values = [value].flat().map((each) => (typeof each === 'string' && each.trim() === '' ? NaN : Number(each)))
  return values.length > 0 && values.every(Number.isFinite) ? values : undefined
}

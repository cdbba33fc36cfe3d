import { integerRange, isBigInt, isFloat, type DType, type Scalar } from '../core/scalar/dtype.ts'
import { elementCount } from '../core/shape.ts'
import { tensorOf, type Tensor } from '../core/tensor.ts'
import { badLiteral } from './errors.ts'

/** What a value is for: dimensions that are not known are names or undefined; without `shape` nothing is known of it. */
export interface LiteralType {
  readonly dtype: DType
  readonly shape?: readonly (number | string | undefined)[] | undefined
}

type Nested = string | readonly Nested[]

/** Lists within one another are no deeper than a tensor's dimensions could be. */
const maxDepth = 32

const specials: Readonly<Record<string, number>> = { inf: Infinity, '+inf': Infinity, '-inf': -Infinity, nan: NaN }
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** Whether a text is meant as a number, a truth value or a list of them. */
export function isLiteral(text: string): boolean {
  const words = text.match(/[^\s[\],]+/g) ?? []
  return words.length > 0 && words.every((word) => decimal.test(word) || /^([+-]?inf|nan|true|false)$/i.test(word))
}

/**
 * The tensor that a text such as `16000`, `true`, `1,2,3` or `[[1,2],[3,4]]` writes, as an input of `type` takes it: lists
 * give the shape, or fill that of the input where it is known and has as many elements. A501 where the text is none, or the
 * input's type does not hold a number.
 */
export function parseLiteral(text: string, type: LiteralType, what: string): Tensor {
  const bad = (message: string): never => badLiteral(what, message)
  const nested = parse(text, bad)
  const shape = shapeOf(nested, bad)
  const words = [nested].flat(Infinity as 1) as string[]
  const values = words.map((word) => scalar(word, type.dtype, bad))
  return tensorOf(type.dtype, fitted(shape, type.shape), values)
}

function parse(text: string, bad: (message: string) => never): Nested {
  const tokens = text.match(/\[|\]|,|[^\s[\],]+/g) ?? []
  let at = 0
  const list = (end: string | undefined, depth: number): Nested[] => {
    if (depth > maxDepth) bad(`lists are nested more than ${maxDepth} deep`)
    const items: Nested[] = []
    while (tokens[at] !== end || items.length === 0) {
      if (items.length > 0 && tokens[at++] !== ',') bad('items of a list have commas between them')
      const token = tokens[at++]
      if (token === undefined || token === ',' || token === ']') bad(`"${text.slice(0, 40)}" is not a number or a list`)
      items.push(token === '[' ? list(']', depth + 1) : token)
      if (tokens[at] === undefined && end !== undefined) bad('a list has no end')
    }
    if (end !== undefined) at++
    return items
  }
  const items = list(undefined, 0)
  // Commas alone make a list too.
  return items.length === 1 ? items[0]! : items
}

function shapeOf(value: Nested, bad: (message: string) => never): number[] {
  if (typeof value === 'string') return []
  const [first, ...others] = value.map((item) => shapeOf(item, bad))
  if (others.some((shape) => String(shape) !== String(first) || shape.length !== first!.length))
    bad('lists within a list are not of the same length')
  return [value.length, ...first!]
}

/** The shape that the input declares, if it has as many elements and says no other size. */
function fitted(own: readonly number[], declared: LiteralType['shape']): readonly number[] {
  if (!declared || declared.length === own.length) return own
  const count = elementCount(own)
  const known = declared.filter((d) => typeof d === 'number')
  if (known.length === declared.length && elementCount(known) === count) return known
  // One element fits whatever dimensions are open.
  return count === 1 && known.every((d) => d === 1) ? declared.map(() => 1) : own
}

function scalar(word: string, dtype: DType, bad: (message: string) => never): Scalar {
  const lower = word.toLowerCase()
  const truth = lower === 'true' ? 1 : lower === 'false' ? 0 : undefined
  if (dtype === 'bool') {
    const bit = truth ?? (word === '0' || word === '1' ? Number(word) : undefined)
    return bit ?? bad(`"${word.slice(0, 40)}" is not true, false, 1 or 0`)
  }
  const number = Object.hasOwn(specials, lower) ? specials[lower]! : decimal.test(word) ? Number(word) : undefined
  if (number === undefined) return bad(`"${word.slice(0, 40)}" is not a number; the input is ${dtype}`)
  if (isFloat(dtype)) return number
  const exact = /^[+-]?\d+$/.test(word)
  if (!exact && !Number.isSafeInteger(number))
    bad(`"${word.slice(0, 40)}" is not a whole number; the input is ${dtype}`)
  const whole = exact ? BigInt(word.replace('+', '')) : BigInt(number)
  const { min, max } = integerRange(dtype)
  if (whole < BigInt(min) || whole > BigInt(max)) bad(`${dtype} does not hold ${word.slice(0, 40)}`)
  return isBigInt(dtype) ? whole : Number(whole)
}

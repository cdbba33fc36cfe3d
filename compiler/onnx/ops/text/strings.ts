import type { OpContext, Operator } from '../../context.ts'
import type { FreeStrings, Item } from '../../item.ts'
import { javaScriptPattern } from '../../shared/re2.ts'

const operator = (lower: Operator['lower']): Operator => ({ floats: 'storage', items: true, freeStrings: true, lower })

/** Input i, which must be strings. */
function strings(c: OpContext, i: number): FreeStrings {
  return c.freeStrings(i) ?? c.unsupported(`input ${i} is no strings`)
}

/** Dimensions of two tensors that broadcast; one that depends on strings meets nothing but 1. */
function broadcast(c: OpContext, a: FreeStrings, b: FreeStrings): FreeStrings['dims'] {
  const rank = Math.max(a.dims.length, b.dims.length)
  const at = ({ dims }: FreeStrings, i: number): number | undefined => {
    const place = i - (rank - dims.length)
    return place < 0 ? 1 : dims[place]
  }
  return Array.from({ length: rank }, (_, i) => {
    const [x, y] = [at(a, i), at(b, i)]
    c.check(x === y || x === 1 || y === 1 || x === undefined || y === undefined, `lengths ${x} and ${y} differ`)
    return x === 1 ? y : x
  })
}

/** Whether two strings are equal, element by element. */
export function equalStrings(c: OpContext): Item {
  const [a, b] = [strings(c, 0), strings(c, 1)]
  return c.script.enter(c.script.step([a, b], broadcast(c, a, b), { op: 'equal' }), 'bool')
}

function split(c: OpContext): Item[] {
  const x = strings(c, 0)
  const most = c.has('maxsplit') ? c.int('maxsplit') : undefined
  const how = { how: c.string('delimiter', ''), ...(most !== undefined && { most }) }
  const parts = c.script.step([x], [...x.dims, undefined], { op: 'split', ...how })
  if (!c.wantsOutput(1)) return [parts]
  return [parts, c.script.enter(c.script.step([x], x.dims, { op: 'lengths', ...how }), 'i64')]
}

const cases: Readonly<Record<string, string>> = { LOWER: 'lower', UPPER: 'upper', NONE: '' }

function normalize(c: OpContext): Item {
  const x = strings(c, 0)
  const { length } = x.dims
  c.check(length === 1 || (length === 2 && x.dims[0] === 1), `strings of shape [${x.dims.join(',')}], not [C] or [1,C]`)
  const locale = c.string('locale', 'en_US')
  if (!/^(en|C$|POSIX$|$)/.test(locale)) c.unsupported(`locale ${locale}`)
  const action = c.string('case_change_action', 'NONE')
  c.check(Object.hasOwn(cases, action), `case_change_action ${action}`)
  const without = c.strings('stopwords', [])
  const kept = { without, exact: c.int('is_case_sensitive', 0) !== 0 }
  const dims = without.length > 0 ? x.dims.with(-1, undefined) : x.dims
  return c.script.step([x], dims, { op: 'normalize', how: cases[action]!, ...(without.length > 0 && kept) })
}

/** Operators on strings: the script computes them, before the module runs or behind it. */
export const stringOperators: Readonly<Record<string, Operator>> = {
  RegexFullMatch: operator((c) => {
    const x = strings(c, 0)
    const how =
      javaScriptPattern(c.string('pattern')) ??
      c.unsupported('the pattern has forms that JavaScript does not mean as RE2 does')
    return [c.script.enter(c.script.step([x], x.dims, { op: 'match', how }), 'bool')]
  }),
  StringConcat: operator((c) => {
    const [a, b] = [strings(c, 0), strings(c, 1)]
    return [c.script.step([a, b], broadcast(c, a, b), { op: 'concat' })]
  }),
  StringNormalizer: operator((c) => [normalize(c)]),
  StringSplit: operator(split),
}

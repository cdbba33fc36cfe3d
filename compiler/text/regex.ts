import type { Place } from './errors.ts'
import { unsupported } from './errors.ts'

/** Of the pattern of a Split or Replace, which is anybody's: longer ones, and deeper ones, are refused. */
const limits = { length: 10_000, depth: 20, count: 1000 }

/** What counts of a part of a pattern for how long it may take. */
interface Part {
  readonly source: string
  /** Whether it matches the empty text. */
  readonly isEmpty: boolean
  /** Repetitions without a bound, or with one above 8, that stand before something that may fail. */
  readonly retries: number
  /** All such repetitions. */
  readonly repeats: number
}

/** Characters of classes that Oniguruma, in its Ruby syntax, and JavaScript take for different ones. */
const classes: Readonly<Record<string, string>> = {
  s: '\\p{White_Space}',
  S: '\\P{White_Space}',
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  h: '0-9a-fA-F',
  n: '\\n',
  r: '\\r',
  t: '\\t',
  f: '\\f',
  v: '\\v',
}
const word = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}'
const scripts = [
  ...[
    'Arabic',
    'Armenian',
    'Bengali',
    'Cyrillic',
    'Devanagari',
    'Ethiopic',
    'Georgian',
    'Greek',
    'Han',
    'Hangul',
    'Hebrew',
  ],
  ...['Hiragana', 'Katakana', 'Khmer', 'Lao', 'Latin', 'Mongolian', 'Myanmar', 'Tamil', 'Telugu', 'Thai', 'Tibetan'],
]
const categories = /^(?:L[ulmto]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?|C[cf])$/
/** Texts that, without regard to case, Oniguruma also finds as one character. */
const ligatures = /ss|ff|fi|fl|st|i\u0307|h\u0331|t\u0308|w\u030a|y\u030a|aʾ|ʼn|j\u030c/i

/**
 * A pattern of Oniguruma as one of JavaScript that matches the same. Refused is what JavaScript does not have, what means something else there,
 * what matches the empty text, and what could take more than quadratic time.
 */
export function patternOf(file: string, place: Place, text: string): RegExp {
  const refuse = (what: string): never =>
    unsupported(file, place, `the pattern ${what}`, 'write it in a simpler form that cuts the same pieces')
  if (text.length > limits.length) refuse(`has ${text.length} characters, more than ${limits.length}`)
  const source = Array.from(text)
  let at = 0
  const next = (): string => source[at++] ?? refuse('ends too early')
  const isNext = (start: string): boolean => source.slice(at, at + start.length).join('') === start
  const take = (start: string): boolean => {
    if (!isNext(start)) return false
    at += start.length
    return true
  }
  const literal = (character: string): string => literalOf(character)

  function alternatives(depth: number, anyCase: boolean): Part {
    if (depth > limits.depth) refuse('has too many groups within each other')
    const all = [sequence(depth, anyCase)]
    while (take('|')) all.push(sequence(depth, anyCase))
    return {
      source: all.map((part) => part.source).join('|'),
      isEmpty: all.some((part) => part.isEmpty),
      retries: Math.max(...all.map((part) => part.retries)),
      repeats: Math.max(...all.map((part) => part.repeats)),
    }
  }

  function sequence(depth: number, anyCase: boolean): Part {
    let [out, isEmpty, retries, repeats] = ['', true, 0, 0]
    while (at < source.length && !isNext('|') && !isNext(')')) {
      const { part, mayFail } = quantified(depth, anyCase)
      // What stands before it may be tried again in every length.
      retries = mayFail ? Math.max(retries, repeats + part.retries) : Math.max(retries, part.retries)
      repeats += part.repeats
      isEmpty &&= part.isEmpty
      out += part.source
    }
    return { source: out, isEmpty, retries, repeats }
  }

  function quantified(depth: number, anyCase: boolean): { part: Part; mayFail: boolean } {
    const isLook = isNext('(?=') || isNext('(?!') || isNext('(?<=') || isNext('(?<!')
    const atom = atomOf(depth, anyCase)
    const bounds = boundsOf()
    if (!bounds) return { part: atom, mayFail: isLook || !atom.isEmpty }
    const [least, most] = bounds
    if (isLook) refuse('repeats what looks ahead or behind')
    if (atom.isEmpty) refuse('repeats what may be empty')
    const lazy = take('?') ? '?' : ''
    if (isNext('+') || isNext('*') || isNext('?')) refuse('has a possessive or repeated quantifier')
    if (most > 1 && atom.repeats > 0) refuse('repeats a repetition, which may take for ever')
    const shown =
      most === Infinity
        ? least < 2
          ? '*+'[least]!
          : `{${least},}`
        : least === 0 && most === 1
          ? '?'
          : `{${least},${most}}`
    const part = {
      source: atom.source + shown + lazy,
      isEmpty: least === 0,
      retries: atom.retries,
      repeats: atom.repeats + (most > 8 ? 1 : 0),
    }
    return { part, mayFail: least > 0 }
  }

  function boundsOf(): readonly [number, number] | undefined {
    if (take('*')) return [0, Infinity]
    if (take('+')) return [1, Infinity]
    if (take('?')) return [0, 1]
    const braces = /^\{(\d*)(,?)(\d*)\}/.exec(source.slice(at, at + 12).join(''))
    if (!braces) return undefined
    const [whole, low = '', comma, high = ''] = braces
    if (low === '' && high === '') return undefined
    at += whole.length
    const least = Number(low)
    const most = comma ? (high === '' ? Infinity : Number(high)) : least
    if (least > limits.count || (most !== Infinity && most > limits.count) || most < least || most === 0)
      refuse(`repeats something ${whole} times`)
    return [least, most]
  }

  function atomOf(depth: number, anyCase: boolean): Part {
    const simple = (source: string): Part => ({ source, isEmpty: false, retries: 0, repeats: 0 })
    const character = next()
    if (character === '(') return group(depth, anyCase)
    if (character === '[') return simple(classOf(depth, anyCase))
    if (character === '.') return simple('[^\\n]')
    if (character === '^' || character === '$')
      refuse(`has ${character}, which is a line’s end there and a text’s end here`)
    if (character === '\\') {
      const escaped = escapeOf(false)
      return simple(escaped.isSet ? `[${escaped.source}]` : cased(escaped.source, anyCase))
    }
    if ('*+?'.includes(character)) refuse(`has ${character} behind nothing`)
    return simple(cased(literal(character), anyCase, character))
  }

  function group(depth: number, anyCase: boolean): Part {
    const inside = (cased: boolean): Part => {
      const start = at
      const part = alternatives(depth + 1, cased)
      if (cased && ligatures.test(source.slice(start, at).join('')))
        refuse('has letters without regard to case that are also found as one character')
      if (!take(')')) refuse('has a group without its end')
      return part
    }
    for (const look of ['?=', '?!', '?<=', '?<!']) {
      if (!take(look)) continue
      const part = inside(anyCase)
      return { ...part, source: `(${look}${part.source})`, isEmpty: true }
    }
    const isCased = take('?i:')
    if (!isCased && !take('?:') && isNext('?'))
      refuse(`has a group of a kind that is not known: (${source.slice(at, at + 3).join('')}`)
    const part = inside(anyCase || isCased)
    return { ...part, source: `(?:${part.source})` }
  }

  /** An ASCII letter in both cases, with the characters that Unicode folds to it. */
  function cased(source: string, anyCase: boolean, character = ''): string {
    if (!anyCase) return source
    if (/^[a-z]$/i.test(character)) {
      const lower = character.toLowerCase()
      return `[${lower}${lower.toUpperCase()}${lower === 's' ? '\\u017f' : lower === 'k' ? '\\u212a' : ''}]`
    }
    if (character.toLowerCase() !== character.toUpperCase()) refuse('has letters beyond ASCII without regard to case')
    return source
  }

  function escapeOf(inClass: boolean): { readonly source: string; readonly isSet: boolean } {
    const letter = next()
    if (letter === 'p' || letter === 'P') {
      if (next() !== '{') refuse('has \\p without braces')
      const isNot = take('^') !== (letter === 'P')
      let name = ''
      for (let c = next(); c !== '}'; c = next()) name += c
      const shown = categories.test(name)
        ? name
        : scripts.includes(name)
          ? `Script=${name}`
          : refuse(`has \\p{${name}}, which is not known`)
      return { source: `\\${isNot ? 'P' : 'p'}{${shown}}`, isSet: true }
    }
    if (letter === 'w') return { source: word, isSet: true }
    if (letter === 'x' || letter === 'u') {
      const braced = letter === 'x' && take('{')
      const digits =
        new RegExp(`^[0-9a-fA-F]{1,${braced ? 6 : letter === 'x' ? 2 : 4}}`).exec(
          source.slice(at, at + 6).join(''),
        )?.[0] ?? ''
      at += digits.length
      const code = parseInt(digits, 16)
      if (
        (braced && !take('}')) ||
        !(code < 0x110000) ||
        (code >= 0xd800 && code < 0xe000) ||
        (letter === 'u' && digits.length !== 4)
      )
        refuse(`has \\${letter} without a character’s number`)
      return { source: `\\u{${code.toString(16)}}`, isSet: false }
    }
    if (Object.hasOwn(classes, letter)) return { source: classes[letter]!, isSet: 'sSdDh'.includes(letter) }
    if (/[\p{L}\p{N}]/u.test(letter)) refuse(`has \\${letter}${inClass ? ' in a class' : ''}, which is not known`)
    return { source: literal(letter), isSet: false }
  }

  /** Behind its `[`. A class within a class adds its members. */
  function classOf(depth: number, anyCase: boolean): string {
    const isNot = take('^')
    const members = membersOf(depth)
    if (anyCase && /\p{L}/u.test(members.replaceAll(/\\[pPux]\{[^}]*\}/g, '')))
      refuse('has a class of letters without regard to case')
    return `[${isNot ? '^' : ''}${members}]`
  }

  function membersOf(depth: number): string {
    if (depth > limits.depth) refuse('has too many classes within each other')
    let members = ''
    for (let isFirst = true; ; isFirst = false) {
      if (isNext('&&')) refuse('has an intersection of classes')
      if (isNext('[:')) refuse('has a class of POSIX')
      const character = next()
      if (character === ']' && !isFirst) return members
      if (character === '[') {
        if (isNext('^')) refuse('has a class without members of another')
        members += membersOf(depth + 1)
      } else if (character === '\\') {
        const escaped = escapeOf(true)
        if (escaped.isSet && isNext('-') && source[at + 1] !== ']') refuse('has a range from a class')
        members += escaped.source
      } else if (character === '-' && (isFirst || isNext(']'))) members += '\\-'
      else if (character === '-') {
        if (/\\[pP]\{[^}]*\}$/.test(members)) refuse('has a range from a class')
        members += '-'
      } else members += literal(character)
    }
  }

  const { source: translated, isEmpty, retries } = alternatives(0, false)
  if (at < source.length) refuse('has a bracket too many')
  if (isEmpty) refuse('matches the empty text')
  if (retries > 1) refuse('has several repetitions that are tried again for each other, which may take for ever')
  try {
    return new RegExp(translated, 'gu')
  } catch {
    return refuse('is none that JavaScript takes')
  }
}

/** A pattern for a text as it is. One for the empty text never matches. */
export const literalPattern = (text: string): RegExp =>
  new RegExp(text === '' ? '(?!)' : Array.from(text, literalOf).join(''), 'gu')

/** In and outside of classes. */
function literalOf(character: string): string {
  if (/[\^$\\.*+?()[\]{}|/-]/.test(character)) return character === '-' ? '\\x2d' : `\\${character}`
  return character === '<' || (/[\p{C}\p{Z}]/u.test(character) && character !== ' ')
    ? `\\u{${character.codePointAt(0)!.toString(16)}}`
    : character
}

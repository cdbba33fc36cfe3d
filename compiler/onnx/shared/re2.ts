/** Escapes of RE2 that mean the same in JavaScript, outside of classes of characters and in them. */
const escapes = /^(?:[dDwWtnrfv]|x[0-9a-fA-F]{2})/
const spaces = '\\t\\n\\f\\r '

/**
 * A pattern of RE2 (https://github.com/google/re2/wiki/Syntax) as one of JavaScript, under flag `u`, that matches the same whole strings;
 * undefined where it has a form that is not known to. Of RE2's spaces JavaScript has more, and its dot leaves out more ends of lines.
 */
export function javaScriptPattern(pattern: string): string | undefined {
  let made = ''
  let at = 0
  let inClass = false
  const take = (length: number, as = pattern.slice(at, at + length)): void => {
    made += as
    at += length
  }
  while (at < pattern.length) {
    const rest = pattern.slice(at)
    const [first = ''] = rest
    if (first === '\\') {
      const next = rest.slice(1)
      const plain = escapes.exec(next)?.[0]
      if (plain !== undefined) take(1 + plain.length)
      else if (next[0] === 's') take(2, inClass ? spaces : `[${spaces}]`)
      else if (next[0] === 'S' && !inClass) take(2, `[^${spaces}]`)
      // All other ASCII signs stand for themselves.
      else if (/^[!-/:-@[-`{-~]/.test(next)) take(2, hex(next[0]!))
      else return undefined
    } else if (inClass) {
      if (first === ']') inClass = false
      if (rest.startsWith('[:')) return undefined
      take(1, first === '[' ? '\\[' : undefined)
    } else if (first === '[') {
      const opening = /^\[\^?/.exec(rest)![0]
      // A bracket that comes first is one of the characters.
      if (rest[opening.length] === ']') return undefined
      inClass = true
      take(opening.length)
    } else if (first === '(') {
      const group = /^\((?:\?:|\?P?<\w+>|(?!\?))/.exec(rest)?.[0]
      if (group === undefined) return undefined
      take(group.length, '(?:')
    } else if (first === '{') {
      const count = /^\{(\d{1,4})(?:,(\d{0,4}))?\}/.exec(rest)
      if (!count) take(1, '\\{')
      else if (Number(count[1]) > 1000 || Number(count[2] ?? 0) > 1000) return undefined
      else take(count[0].length)
    } else if (first === '.') take(1, '[^\\n]')
    else take(1, first === '}' || first === ']' ? `\\${first}` : undefined)
  }
  try {
    // What neither takes, such as a group that does not end.
    new RegExp(`^(?:${made})$`, 'u')
  } catch {
    return undefined
  }
  return made
}

const hex = (sign: string): string => `\\x${sign.charCodeAt(0).toString(16).padStart(2, '0')}`

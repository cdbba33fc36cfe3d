/**
 * Characters that act on a terminal or on the order of text instead of being shown: controls (C0, DEL, C1), format characters
 * (bidirectional overrides, zero widths), line and paragraph separators, lone surrogates.
 */
const acting = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, i) => {
    return `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`
  }).join('')

/**
 * Text from a model or a file as one line that may be shown: characters that act are written as `\u001b`, code unit by code
 * unit. JSON remains JSON of the same value if it is in one line.
 */
export const printable = (text: string): string => text.replaceAll(acting, escaped)

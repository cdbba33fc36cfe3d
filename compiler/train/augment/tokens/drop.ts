import type { Augmentation, TokensLayout } from '../augmentation.ts'
import { described, type TokenOptions } from './options.ts'

/** Leaves out tokens; those behind move up (Wei & Zou, 2019: random deletion). */
export function dropTokens(options: TokenOptions): Augmentation<TokensLayout> {
  const { share, pad, text, stays } = described(options)
  return {
    name: `dropTokens ${text}`,
    of: 'tokens',
    apply(tokens, { length }, random) {
      const result = new Float32Array(length).fill(pad)
      let count = 0
      for (const token of tokens) if (stays(token) || random() >= share) result[count++] = token
      return result.every((token) => token === pad) ? tokens : result
    },
  }
}

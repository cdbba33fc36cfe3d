import type { Augmentation, TokensLayout } from '../augmentation.ts'
import { described, type TokenOptions } from './options.ts'

/** Lets neighbouring tokens change places (after Wei & Zou, 2019: random swap). */
export function swapTokens(options: TokenOptions): Augmentation<TokensLayout> {
  const { share, text, stays } = described(options)
  return {
    name: `swapTokens ${text}`,
    of: 'tokens',
    apply(tokens, _, random) {
      const places = [...tokens.keys()].filter((i) => !stays(tokens[i]!))
      const result = tokens.slice()
      for (let i = 0; i + 1 < places.length; i++) {
        if (random() >= share) continue
        const [a, b] = [places[i]!, places[i + 1]!]
        ;[result[a], result[b]] = [result[b]!, result[a]!]
      }
      return result
    },
  }
}

import type { Augmentation, TokensLayout } from '../augmentation.ts'

export interface SwapTokensOptions {
  /** The share of tokens that change places with the next. */
  readonly share: number
  /** The number that fills up a text, which stays where it is: 0 unless it is given. */
  readonly pad?: number
  /** Tokens that stay, such as those that begin and end a text. */
  readonly keep?: readonly number[]
}

/** Lets neighbouring tokens change places (after Wei & Zou, 2019: random swap). */
export const swapTokens = ({ share, pad = 0, keep = [] }: SwapTokensOptions): Augmentation<TokensLayout> => ({
  name: `swapTokens ${share} ${pad} ${keep.join('-')}`,
  of: 'tokens',
  apply(tokens, _, random) {
    const places = [...tokens.keys()].filter((i) => tokens[i] !== pad && !keep.includes(tokens[i]!))
    const result = tokens.slice()
    for (let i = 0; i + 1 < places.length; i++) {
      if (random() >= share) continue
      const [a, b] = [places[i]!, places[i + 1]!]
      ;[result[a], result[b]] = [result[b]!, result[a]!]
    }
    return result
  },
})

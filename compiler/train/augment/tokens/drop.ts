import type { Augmentation, TokensLayout } from '../augmentation.ts'

export interface DropTokensOptions {
  /** The share of tokens that are left out. */
  readonly share: number
  /** The number that fills up a text, which stays where it is: 0 unless it is given. */
  readonly pad?: number
  /** Tokens that stay, such as those that begin and end a text. */
  readonly keep?: readonly number[]
}

/** Leaves out tokens; those behind move up (Wei & Zou, 2019: random deletion). */
export const dropTokens = ({ share, pad = 0, keep = [] }: DropTokensOptions): Augmentation<TokensLayout> => ({
  name: `dropTokens ${share} ${pad} ${keep.join('-')}`,
  of: 'tokens',
  apply(tokens, { length }, random) {
    const result = new Float32Array(length).fill(pad)
    let count = 0
    for (const token of tokens) if (token === pad || keep.includes(token) || random() >= share) result[count++] = token
    return count === 0 || result.every((token) => token === pad) ? tokens : result
  },
})

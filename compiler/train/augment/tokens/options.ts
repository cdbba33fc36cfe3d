export interface TokenOptions {
  /** The share of tokens that are changed. */
  readonly share: number
  /** The number that fills up a text, which stays where it is: 0 unless it is given. */
  readonly pad?: number
  /** Tokens that stay, such as those that begin and end a text. */
  readonly keep?: readonly number[]
}

/** The options as a part of an augmentation's name, and which tokens stay. */
export const described = ({ share, pad = 0, keep = [] }: TokenOptions) => ({
  ...{ share, pad, text: `${share} ${pad} ${keep.join('-')}` },
  stays: (token: number): boolean => token === pad || keep.includes(token),
})

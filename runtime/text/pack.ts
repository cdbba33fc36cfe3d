const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Whole numbers from 0 below 2^32 as text: five bits in each character, the lowest first, and whether more of the number follow. */
export const packNumbers = (numbers: readonly number[]): string => {
  const parts: string[] = []
  for (let n of numbers) {
    let text = ''
    for (; n > 31; n = Math.floor(n / 32)) text += alphabet[32 + (n % 32)]!
    parts.push(text + alphabet[n]!)
  }
  return parts.join('')
}

export const numbersOf = (text: string): number[] => {
  const digits = new Map(Array.from(alphabet, (character, i) => [character, i]))
  const numbers: number[] = []
  let [n, place] = [0, 1]
  for (const character of text) {
    const digit = digits.get(character)!
    n += (digit & 31) * place
    place *= 32
    if (digit > 31) continue
    numbers.push(n)
    n = 0
    place = 1
  }
  return numbers
}

/** Even numbers are what is added to the number before, odd ones what is taken off. */
export const fromSteps = (steps: readonly number[]): number[] => {
  let n = 0
  return steps.map((step) => (n += step % 2 === 0 ? step / 2 : -(step + 1) / 2))
}

export const toSteps = (numbers: readonly number[]): number[] => {
  let before = 0
  return numbers.map((n) => {
    const step = n - before
    before = n
    return step >= 0 ? 2 * step : -2 * step - 1
  })
}

/** Tokens in the order of their ids, a line for each; what of them is a line break or a backslash is written with a backslash. */
export const tokensOf = (text: string): string[] =>
  text.split('\n').map((line) => line.replace(/\\(.)/gu, (_, letter) => (letter === 'n' ? '\n' : letter)))

export const packTokens = (tokens: readonly string[]): string =>
  tokens.map((token) => token.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')).join('\n')

/** Merges from the steps between the tokens that they make, and the lengths of their left parts. */
export const mergesOf = (made: string, lefts: string): number[] => {
  const left = numbersOf(lefts)
  return fromSteps(numbersOf(made)).flatMap((id, i) => [id, left[i]!])
}

/** Floats of 32 bits from the steps between their bits, as whole numbers. */
export const floatsOf = (text: string): Float32Array =>
  new Float32Array(Uint32Array.from(fromSteps(numbersOf(text))).buffer)

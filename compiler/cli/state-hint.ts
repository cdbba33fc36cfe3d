/** Which inputs of a model look like what outputs of the same run give back for the next. */

export interface NamedType {
  readonly name: string
  readonly dtype: string
  /** Dimensions that are not known are names or undefined. */
  readonly shape: readonly (number | string | undefined)[]
  /** Lengths that depend on data and strings are no states. */
  readonly extents?: unknown
  readonly labels?: unknown
}

export interface Pair {
  readonly input: string
  readonly output: string
}

/** What stands in an output's name where its input has the first: both may stand at any place, or nothing for one. */
const words: readonly (readonly [input: string, outputs: readonly string[]])[] = [
  ['', ['n', 'out', 'output', 'next', 'new', 'updated', 'o']],
  ['in', ['out', '']],
  ['input', ['output', '']],
  ['past', ['present', '']],
  ['past key values', ['present', 'present key values']],
  ['prev', ['next', 'new', '']],
  ['previous', ['next', 'new', '']],
  ['old', ['new']],
  ['initial', ['final', '']],
  ['init', ['final', '']],
  ['0', ['n', '1']],
]
const allowed = new Map(words)

/** `stateN` → state, n; `h0` → h, 0; `past_key_values.0.key` → past, key, values, 0, key. */
const wordsOf = (name: string): string[] =>
  name
    .split(/[^\p{L}\p{N}]+|(?<=\p{Ll})(?=[\p{Lu}\p{N}])/u)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase())

/** PyTorch's names have their last letter without anything before it: hn, cn. */
const withoutN = (name: string): string[] | undefined => (/^[a-z]n$/.test(name) ? [name[0]!, 'n'] : undefined)

/** Whether names differ by such words alone, and have others in common. */
function isSuccessor(a: readonly string[], b: readonly string[]): boolean {
  const shorter = Math.min(a.length, b.length)
  let [head, tail] = [0, 0]
  while (head < shorter && a[head] === b[head]) head++
  while (tail < shorter - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++
  const [from, to] = [a, b].map((all) => all.slice(head, all.length - tail).join(' '))
  return head + tail > 0 && allowed.get(from!)?.includes(to!) === true
}

/** The same type, as far as it is known. */
const fits = (a: NamedType, b: NamedType): boolean =>
  ![a, b].some(({ extents, labels }) => extents ?? labels) &&
  a.dtype === b.dtype &&
  a.shape.length === b.shape.length &&
  a.shape.every((d, i) => {
    const other = b.shape[i]
    return d === other || typeof d !== 'number' || typeof other !== 'number'
  })

/** A name that a person could have written, so that looking at it takes no time. */
const isPlain = ({ name }: NamedType): boolean => name.length < 200 && !/\p{C}/u.test(name)
/** Pairs that are looked at. */
const most = 2 ** 20

/** None where no input would be left: what has one input and one output of the same type is no recurrent model. */
export function likelyStates(inputs: readonly NamedType[], outputs: readonly NamedType[]): Pair[] {
  if (inputs.length * outputs.length > most) return []
  // Names may be equal only where an output is an input as it is.
  const own = new Set(inputs.map(({ name }) => name))
  const nexts = outputs
    .filter((output) => isPlain(output) && !own.has(output.name))
    .map((output) => ({ output, words: withoutN(output.name) ?? wordsOf(output.name) }))
  const taken = new Set<NamedType>()
  const pairs = inputs.filter(isPlain).flatMap((input): Pair[] => {
    const words = wordsOf(input.name)
    const next = nexts.find(
      ({ output, words: others }) => !taken.has(output) && fits(input, output) && isSuccessor(words, others),
    )
    if (!next) return []
    taken.add(next.output)
    return [{ input: input.name, output: next.output.name }]
  })
  return pairs.length < inputs.length ? pairs : []
}

/** As a shell takes it. */
const quoted = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

/** One line with the options that would keep them in the module, or none. */
export function stateHint(all: readonly Pair[]): string[] {
  // The last equals sign of an option divides the two.
  const pairs = all.filter(({ output }) => !output.includes('='))
  if (pairs.length === 0) return []
  const options = pairs.map(({ input, output }) => `--state ${quoted(`${input}=${output}`)}`).join(' ')
  return [`hint: outputs look like inputs of the next run; attar compile keeps these in the module with ${options}`]
}

import type { ImportOptions, TensorType, ValueInfo } from '../../index.ts'

/** A model's dimensions without a size, by the names that they are shown by, and how to import it with sizes for them. */
export interface OpenDimensions {
  readonly names: readonly string[]
  optionsFor(sizes: readonly number[]): ImportOptions
}

/** Sizes of all dimensions, and of each: what is as many times larger as a dimension is made of it. Small ones first; then what convolutions and pools can halve. */
export const trials = [
  { first: 1, factors: [101, 103, 107, 109, 113, 127] },
  { first: 64, factors: [3, 5, 7, 11, 13, 17] },
] as const

/** The dimensions that `options` leave open. Undefined where an input's rank is not known, or there are more than can be tried. */
export function openDimensions(inputs: readonly ValueInfo[], options: ImportOptions): OpenDimensions | undefined {
  const { dims = {}, shapes = {}, bind = {} } = options
  const open = inputs.filter(({ name }) => !Object.hasOwn(shapes, name) && !Object.hasOwn(bind, name))
  if (open.some(({ shape }) => !shape)) return undefined
  const all = open.flatMap(({ name, shape }) => shape!.map((d, axis) => nameOf(name, d, axis)))
  const isNew = (d: number | string): d is string => typeof d === 'string' && !Object.hasOwn(dims, d)
  const names = [...new Set(all.filter(isNew))]
  if (names.length > trials[0].factors.length) return undefined
  return {
    names: names.map((name) => (name.includes('\0') ? '?' : name)),
    optionsFor: (sizes) => {
      const size = (d: number | string): number => (isNew(d) ? sizes[names.indexOf(d)]! : Number(dims[d] ?? d))
      const own = open.map(({ name, shape }) => [name, shape!.map((d, axis) => size(nameOf(name, d, axis)))] as const)
      return { ...options, shapes: { ...shapes, ...Object.fromEntries(own) } }
    },
  }
}

/** One that the model does not name is of one input alone. */
const nameOf = (input: string, dim: number | string | undefined, axis: number): number | string =>
  dim ?? `${input}\0${axis}`

/** e.g. `f32[batch,10]`: the type that has these shapes for the sizes `first` and for `first` times `factors`; ? where that does not tell. */
export function openType(
  a: TensorType | undefined,
  b: TensorType | undefined,
  names: readonly string[],
  { first, factors }: (typeof trials)[number],
): string | undefined {
  if (!a || a.shape.length !== b?.shape.length) return undefined
  const dim = (size: number, larger: number): string => {
    if (size === larger) return String(size)
    let [times, own] = [size, size]
    const parts = names.filter((_, i) => {
      if (own * factors[i]! > larger || larger % (own * factors[i]!) !== 0) return false
      own *= factors[i]!
      times /= first
      return true
    })
    if (own !== larger || !Number.isInteger(times) || parts.includes('?')) return '?'
    return [...(times === 1 ? [] : [times]), ...parts].join('·')
  }
  return `${a.dtype}[${a.shape.map((size, i) => dim(size, b.shape[i]!)).join(',')}]`
}

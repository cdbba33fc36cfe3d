import { elementCount } from '../../core/shape.ts'
import { maxElements } from '../../core/verify.ts'
import { notOfFormat } from '../errors.ts'
import { npyBytes, openNpy } from './npy.ts'

/** Strings in row-major order. */
export interface StringArray {
  readonly shape: readonly number[]
  readonly strings: readonly string[]
}

const codeUnit = 4

/**
 * The strings in a `.npy` file of type `<U…` (numpy.lib.format): each has as many code points of UTF-32, behind its end zeros. undefined
 * where the file holds something else. A502 where it is no such file, ends early, or holds what is no code point.
 */
export function readNpyStrings(bytes: Uint8Array, what = 'the file'): StringArray | undefined {
  const bad = (message: string): never => notOfFormat(what, 'a .npy file that attar can read', message)
  const { descr, fortran, shape, body } = openNpy(bytes, bad)
  const [, order, digits] = /^([<>=|])U(\d+)$/.exec(descr) ?? []
  if (digits === undefined) return undefined
  if (order === '>') bad(`its elements are of type '${descr}'`)
  if (fortran && shape.length > 1) bad('its strings are in Fortran order')
  const [count, length] = [elementCount(shape), Number(digits)]
  // Nothing would bound how many there are.
  if (length === 0 && count > 0) bad(`it has ${count} strings of no characters`)
  if (!(count <= maxElements) || body.length !== count * length * codeUnit)
    bad(`${body.length} bytes do not fill [${shape.join(',')}] of ${length} characters`)
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const strings = Array.from({ length: count }, (_, i) => {
    const points: string[] = []
    for (let k = 0; k < length; k++) {
      const point = view.getUint32((i * length + k) * codeUnit, true)
      if (point > 0x10ffff) bad('it holds what is no character')
      points.push(String.fromCodePoint(point))
    }
    return points.join('').replace(/\0+$/, '')
  })
  return { shape, strings }
}

/** The bytes of a `.npy` file of strings, all as long as the longest. */
export function writeNpyStrings({ shape, strings }: StringArray): Uint8Array {
  const points = strings.map((text) => Array.from(text, (character) => character.codePointAt(0)!))
  const length = points.reduce((most, { length: n }) => Math.max(most, n), 1)
  const data = new Uint8Array(strings.length * length * codeUnit)
  const view = new DataView(data.buffer)
  points.forEach((own, i) => own.forEach((point, k) => view.setUint32((i * length + k) * codeUnit, point, true)))
  return npyBytes(`<U${length}`, shape, data)
}

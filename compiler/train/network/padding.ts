/** `same`: a result for each input position, padded evenly, the odd one behind (TensorFlow); a number: so many on each side. */
export type Padding = 'same' | 'valid' | number

export function paddingOf(padding: Padding, length: number, size: number, stride: number, dilation: number) {
  if (padding === 'valid') return { low: 0, high: 0 }
  if (padding !== 'same') return { low: padding, high: padding }
  const total = Math.max((Math.ceil(length / stride) - 1) * stride + (size - 1) * dilation + 1 - length, 0)
  return { low: Math.floor(total / 2), high: Math.ceil(total / 2) }
}

/** Buffers start at multiples of this many bytes, so that vectors of unit stride are aligned. */
const alignment = 16

export const align = (n: number): number => Math.ceil(n / alignment) * alignment

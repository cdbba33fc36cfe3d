/** Bytes of a plane of products: four tiles, eight channels of 32 bits. */
export const mplane = 128

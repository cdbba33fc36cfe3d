import { gap } from '../../winograd'

/** Tiles whose products are made before they are looked at, so that a plane of weights is read that much less often. */
export const most = 16

/** Bytes from one plane of products to the next: `most` tiles, eight channels of 32 bits. */
export const mplane = 32 * most + gap

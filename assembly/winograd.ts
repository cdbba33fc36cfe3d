/** What the kernels of Winograd's F(2 × 2, 3 × 3) and F(4 × 4, 3 × 3) have in common. */

/** Bytes between planes beyond their contents: planes a power of two apart would share the lines of the cache. */
export const gap = 64

/** Tiles that are multiplied together. */
export const TILES = 4

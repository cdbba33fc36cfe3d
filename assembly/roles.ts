/**
 * What a template does with the memory that an argument points to. The build reads these types from the signatures of
 * templates: what a kernel reads and writes follows from them.
 */

/** Read. */
export type In = usize
/** Written: a result. */
export type Out = usize
/** Read and written. */
export type InOut = usize
/** Written before it is read, and of no use afterwards. */
export type Scratch = usize
/** Read by the epilogue, if it has a second operand; nothing is read there otherwise. */
export type Aux = usize
/** No address: what `i8_dot_probe` found, for the activations of the call. */
export type Flip = i32

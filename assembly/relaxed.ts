// Templates that only the relaxed-simd module has.
export * from './u8/igemm-dot'
export * from './u8/probe'

// Templates that only the relaxed-simd module has.
export * from './u8/dwconv-dot'
export * from './u8/flip'
export * from './u8/gemv-dot'
export * from './u8/igemm-dot'
export * from './u8/probe'

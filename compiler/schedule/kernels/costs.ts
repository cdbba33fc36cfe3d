/** Nanoseconds on one machine, of which only ratios count. Written by scripts/calibrate.mjs. */
export const kernelCosts = {
  simd: {
    igemm: {
      tile: 9.08,
      step: 1.5,
    },
    gemv: {
      columns: 24,
      row: 3.33,
      step: 1.19,
    },
    winograd: {
      weight: 9.18,
      channel: 5.03,
      tile: 61.1,
      step: 19,
    },
  },
  'relaxed-simd': {
    igemm: {
      tile: 3.27,
      step: 1.22,
    },
    gemv: {
      columns: 32,
      row: 4.07,
      step: 1.34,
    },
    winograd: {
      weight: 11.2,
      channel: 4.75,
      tile: 28.7,
      step: 18.9,
    },
  },
} as const

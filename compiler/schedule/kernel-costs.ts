/** Nanoseconds on one machine, of which only ratios count. Written by scripts/calibrate.mjs. */
export const kernelCosts = {
  simd: {
    igemm: {
      tile: 5.03,
      step: 1.41,
    },
    gemv: {
      columns: 24,
      row: 2.53,
      step: 1.2,
    },
    winograd: {
      weight: 9.68,
      channel: 5.01,
      tile: 68,
      step: 19.8,
    },
  },
  'relaxed-simd': {
    igemm: {
      tile: 3.52,
      step: 1.24,
    },
    gemv: {
      columns: 32,
      row: 3.93,
      step: 1.35,
    },
    winograd: {
      weight: 11.6,
      channel: 4.86,
      tile: 0,
      step: 21.1,
    },
  },
} as const

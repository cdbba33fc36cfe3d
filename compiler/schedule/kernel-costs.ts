/** Nanoseconds on one machine, of which only ratios count. Written by scripts/calibrate.mjs. */
export const kernelCosts = {
  simd: {
    igemm: {
      tile: 13.6,
      step: 1.71,
    },
    gemv: {
      columns: 24,
      row: 5.2,
      step: 1.44,
    },
    winograd: {
      weight: 12.3,
      channel: 6.87,
      tile: 77.4,
      step: 29.3,
    },
  },
  'relaxed-simd': {
    igemm: {
      tile: 9.7,
      step: 1.41,
    },
    gemv: {
      columns: 32,
      row: 5.37,
      step: 1.57,
    },
    winograd: {
      weight: 16.4,
      channel: 6.33,
      tile: 69.4,
      step: 21.8,
    },
  },
} as const

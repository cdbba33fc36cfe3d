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
      2: {
        weight: 9.18,
        channel: 5.03,
        tile: 61.1,
        step: 19,
      },
      4: {
        weight: 33.8,
        channel: 26.8,
        tile: 213,
        step: 44.5,
      },
    },
    spmm: {
      1: {
        pixels: 16,
        row: 2.1,
        channels: 18.6,
        entry: 0.85,
      },
      4: {
        pixels: 8,
        row: 1.12,
        channels: 9.9,
        entry: 1.28,
      },
    },
    spmv: {
      1: {
        row: 0.33,
        channels: 7.4,
        entry: 0.36,
      },
      4: {
        row: 0.12,
        channels: 3.0,
        entry: 0.35,
      },
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
      2: {
        weight: 11.2,
        channel: 4.75,
        tile: 28.7,
        step: 18.9,
      },
      4: {
        weight: 38,
        channel: 26,
        tile: 108,
        step: 45.9,
      },
    },
    spmm: {
      1: {
        pixels: 16,
        row: 2.7,
        channels: 19.0,
        entry: 1.03,
      },
      4: {
        pixels: 8,
        row: 1.27,
        channels: 10.2,
        entry: 1.06,
      },
    },
    spmv: {
      1: {
        row: 0.4,
        channels: 7.8,
        entry: 0.39,
      },
      4: {
        row: 0.14,
        channels: 2.2,
        entry: 0.47,
      },
    },
  },
} as const

import { exp } from '../../../core/math/index.ts'

/** The factor of amplitudes that so many decibels are. */
export const amplitudeOf = (decibels: number): number => exp((decibels / 20) * Math.LN10)

/**
 * Deterministic f64 elementary functions.
 *
 * `Math.exp`, `Math.sin` and their like differ between engines in the last bits; these use only operations that
 * IEEE 754 and ECMAScript define exactly, so the compiler's output doesn't depend on where it runs. Errors stay
 * below 2 ulp everywhere, trigonometric functions of huge arguments included. Special values follow C99 Annex F.
 */
export { exp, expm1, log, log1p, log2, pow } from './exponential.ts'
export { acosh, asinh, atanh, cosh, sinh, tanh } from './hyperbolic.ts'
export { acos, asin, atan, cos, sin, tan } from './trigonometric.ts'
export { erf } from './error-function.ts'

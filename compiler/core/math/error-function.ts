import { exp } from './exponential.ts'

/** erf(x)/x - 1 in x^2 for |x| < 1, own minimax fit, error 2^-57. */
const SMALL = [
  0.12837916709551256, -0.3761263890318355, 0.11283791670945251, -0.026866170643275913, 0.005223977607421526,
  -0.0008548325989625486, 0.00012055295318893576, -1.4924744641022322e-5, 1.6447517489780476e-6, -1.6209175036461892e-7,
  1.3722974565534881e-8, -7.801189044780701e-10,
]

/** erfc(x) exp(x^2) in 1 / (1 + x/2) for 1 <= x <= 6, own minimax fit, error 2^-60 exp(x^2). */
const TAIL = [
  -3.1306911508424245e-6, 0.28218870864734674, 0.2808162706574422, 0.25731207736673006, 0.11859123247036843,
  0.30899871908599924, -0.642471624728621, 1.2595861088531055, -1.9954162084768359, 1.9429540400429068,
  -1.1260097783559266, 0.3652434897950632, -0.05179050293737175,
]

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0)
}

/** Error function 2/sqrt(pi) * integral of exp(-t^2) from 0 to x. */
export function erf(x: number): number {
  const a = Math.abs(x)
  if (a < 1) return x + x * polynomial(SMALL, x * x)
  if (a !== a) return x
  const result = a > 6 ? 1 : 1 - exp(-a * a) * polynomial(TAIL, 1 / (1 + a / 2))
  return x < 0 ? -result : result
}

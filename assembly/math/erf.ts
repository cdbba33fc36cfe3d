import { step, withSign } from './lanes'
import { scaledExp } from './scalar'

/**
 * Error function, at most 3 ulp off: x + x p(x^2) for |x| <= 1, else 1 - 1 / q(|x|)^8 (a form of Abramowitz & Stegun
 * 7.1.28), own minimax fits, errors 2^-25.
 */
export function f32x4_erf(x: v128): v128 {
  const one = f32x4.splat(1)
  const a = f32x4.abs(x)
  const z = f32x4.mul(x, x)
  let p = step(f32x4.splat(-0.0005619964795187116), z, 0.004914915654808283)
  p = step(p, z, -0.026709217578172684)
  p = step(p, z, 0.11280113458633423)
  p = step(p, z, -0.37612318992614746)
  p = step(p, z, 0.12837912142276764)
  let q = step(f32x4.splat(0.00038944531115703285), a, -0.002212667837738991)
  q = step(q, a, 0.009033485315740108)
  q = step(q, a, -0.009908915497362614)
  q = step(q, a, 0.03764812648296356)
  q = step(q, a, 0.08258295059204102)
  q = step(q, a, 0.14257970452308655)
  q = step(q, a, 1)
  q = f32x4.mul(q, q)
  q = f32x4.mul(q, q)
  q = f32x4.mul(q, q)
  const large = f32x4.sub(one, f32x4.div(one, q))
  const small = f32x4.add(a, f32x4.mul(a, p))
  return withSign(v128.bitselect(large, small, f32x4.gt(a, one)), x)
}

/** Error function, at most 2 ulp off: x + x p(x^2), or 1 - e^(-x^2) q(1 / (1 + x/2)) from 1 on, own minimax fits. */
export function f64_erf(x: f64): f64 {
  const a = abs(x)
  if (a < 1) {
    const z = x * x
    let p = z * -7.801189044780701e-10 + 1.3722974565534881e-8
    p = p * z - 1.6209175036461892e-7
    p = p * z + 1.6447517489780476e-6
    p = p * z - 1.4924744641022322e-5
    p = p * z + 0.00012055295318893576
    p = p * z - 0.0008548325989625486
    p = p * z + 0.005223977607421526
    p = p * z - 0.026866170643275913
    p = p * z + 0.11283791670945251
    p = p * z - 0.3761263890318355
    p = p * z + 0.12837916709551256
    return x + x * p
  }
  const b = min(a, 6)
  const t = 1 / (1 + 0.5 * b)
  let q = t * -0.05179050293737175 + 0.3652434897950632
  q = q * t - 1.1260097783559266
  q = q * t + 1.9429540400429068
  q = q * t - 1.9954162084768359
  q = q * t + 1.2595861088531055
  q = q * t - 0.642471624728621
  q = q * t + 0.30899871908599924
  q = q * t + 0.11859123247036843
  q = q * t + 0.25731207736673006
  q = q * t + 0.2808162706574422
  q = q * t + 0.28218870864734674
  q = q * t - 3.1306911508424245e-6
  return copysign(1 - scaledExp(-b * b, 0, 0) * q, x)
}

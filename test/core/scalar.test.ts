import { describe, expect, it } from 'vitest'
import type { DType, Scalar } from '../../compiler/core/scalar/dtype.ts'
import * as e from '../../compiler/core/scalar/expr.ts'
import { fromBfloat16, fromHalf, roundHalfEven, toBfloat16, toHalf } from '../../compiler/core/scalar/half.ts'
import { binaryScalar, compileExpr, convertScalar, normalize, unaryScalar } from '../../compiler/core/scalar/scalar.ts'
import { Random } from '../support/random.ts'

describe('arithmetic', () => {
  it.each<[e.BinaryOp, DType, Scalar, Scalar, Scalar]>([
    ['add', 'i8', 127, 1, -128],
    ['sub', 'u8', 0, 1, 255],
    ['mul', 'i16', 300, 300, 24464],
    ['add', 'u16', 65535, 2, 1],
    ['add', 'i32', 2147483647, 1, -2147483648],
    ['mul', 'i32', 2 ** 30 + 1, 2 ** 30 + 1, -2147483647],
    ['mul', 'u32', 4294967295, 4294967295, 1],
    ['sub', 'u32', 0, 1, 4294967295],
    ['add', 'i64', 2n ** 63n - 1n, 1n, -(2n ** 63n)],
    ['sub', 'u64', 0n, 1n, 2n ** 64n - 1n],
    ['div', 'i32', 7, 0, 0],
    ['rem', 'i32', 7, 0, 0],
    ['div', 'u64', 7n, 0n, 0n],
    ['div', 'i32', -7, 2, -3],
    ['rem', 'i32', -7, 2, -1],
    ['rem', 'i32', 7, -2, 1],
    ['div', 'i32', -2147483648, -1, -2147483648],
    ['div', 'i8', -128, -1, -128],
    ['div', 'i64', -(2n ** 63n), -1n, -(2n ** 63n)],
    ['div', 'u32', 4294967295, 2, 2147483647],
    ['shl', 'i32', 1, 31, -2147483648],
    ['shl', 'i32', 1, 32, 0],
    ['shl', 'i32', 1, -1, 0],
    ['shl', 'u8', 0x81, 1, 2],
    ['shl', 'u8', 1, 8, 0],
    ['shr', 'i32', -8, 1, -4],
    ['shr', 'i32', -8, 32, 0],
    ['shr', 'u32', 0x80000000, 31, 1],
    ['shr', 'i64', -1n, 63n, -1n],
    ['shr', 'u64', 2n ** 63n, 64n, 0n],
    ['and', 'i8', -1, 0x0f, 0x0f],
    ['or', 'u16', 0xf000, 0x000f, 0xf00f],
    ['xor', 'i32', -1, 1, -2],
    ['xor', 'bool', 1, 1, 0],
    ['max', 'bool', 0, 1, 1],
    ['max', 'u32', 4294967295, 1, 4294967295],
    ['min', 'i64', -5n, 3n, -5n],
    ['add', 'f32', 2 ** 24, 1, 2 ** 24],
    ['add', 'f64', 2 ** 24, 1, 2 ** 24 + 1],
    ['mul', 'f32', 0.1, 0.1, Math.fround(0.1 * 0.1)],
    ['div', 'f32', 1, 0, Infinity],
    ['div', 'f64', 0, 0, NaN],
    ['rem', 'f32', -7.5, 2, -1.5],
    ['max', 'f32', NaN, 1, NaN],
    ['min', 'f32', 1, NaN, NaN],
    ['max', 'f32', -0, 0, 0],
    ['min', 'f32', 0, -0, -0],
    ['pow', 'f64', 2, 10, 1024],
    ['lt', 'u32', 4294967295, 1, 0],
    ['lt', 'i64', -1n, 0n, 1],
    ['ge', 'f32', NaN, NaN, 0],
    ['ne', 'f32', NaN, NaN, 1],
    ['eq', 'f32', 0, -0, 1],
  ])('%s of %s: %s, %s', (op, dtype, a, b, result) => {
    expect(binaryScalar(op, dtype)(a, b)).toBe(result)
  })

  it.each<[e.UnaryOp, DType, Scalar, Scalar]>([
    ['neg', 'i8', -128, -128],
    ['neg', 'u8', 1, 255],
    ['abs', 'i32', -2147483648, -2147483648],
    ['abs', 'i64', -5n, 5n],
    ['not', 'bool', 1, 0],
    ['not', 'u8', 0x0f, 0xf0],
    ['not', 'u32', 0, 4294967295],
    ['not', 'i64', 0n, -1n],
    ['neg', 'f32', 0, -0],
    ['round', 'f32', 2.5, 2],
    ['round', 'f32', -0.5, -0],
    ['sqrt', 'f32', 2, Math.fround(Math.SQRT2)],
    ['exp', 'f32', -Infinity, 0],
    ['log', 'f64', 0, -Infinity],
  ])('%s of %s: %s', (op, dtype, x, result) => {
    expect(unaryScalar(op, dtype)(x)).toBe(result)
  })

  it('compileExpr evaluates each part in its own dtype', () => {
    const x = e.arg(0, 'i32')
    const sum = e.binary('add', x, e.constant(300, 'i32'))
    const low = e.convert(sum, 'u8')
    const f = compileExpr(e.select(e.binary('gt', x, e.constant(0, 'i32')), low, e.constant(7, 'u8')))
    expect([f([1]), f([-1])]).toEqual([45, 7])
  })

  it('constants are brought into their dtype', () => {
    expect(compileExpr(e.constant(0.1, 'f32'))([])).toBe(Math.fround(0.1))
    expect(compileExpr(e.constant(257, 'u8'))([])).toBe(1)
  })
})

describe('conversion', () => {
  it.each<[Scalar, DType, DType, Scalar]>([
    [2.9, 'f32', 'i32', 2],
    [-2.9, 'f32', 'i32', -2],
    [NaN, 'f32', 'i32', 0],
    [NaN, 'f64', 'u64', 0n],
    [1e20, 'f32', 'i32', 2147483647],
    [-1e20, 'f32', 'i32', -2147483648],
    [Infinity, 'f64', 'i64', 2n ** 63n - 1n],
    [-Infinity, 'f64', 'i64', -(2n ** 63n)],
    [-1, 'f32', 'u64', 0n],
    [1e30, 'f64', 'u64', 2n ** 64n - 1n],
    [300, 'f32', 'u8', 44],
    [-1, 'f32', 'u8', 255],
    [200, 'f32', 'i8', -56],
    [1e20, 'f32', 'i8', -1],
    [3e9, 'f32', 'u32', 3e9],
    [-1, 'f32', 'u32', 4294967295],
    [2 ** 33 + 2 ** 20, 'f64', 'u32', 2 ** 20],
    [0.5, 'f32', 'bool', 1],
    [NaN, 'f32', 'bool', 1],
    [-0, 'f32', 'bool', 0],
    [2n ** 40n, 'i64', 'bool', 1],
    [1, 'bool', 'f32', 1],
    [1, 'bool', 'i64', 1n],
    [-1, 'i32', 'u32', 4294967295],
    [-1, 'i8', 'u64', 2n ** 64n - 1n],
    [4294967295, 'u32', 'i32', -1],
    [4294967295, 'u32', 'i64', 4294967295n],
    [2n ** 40n + 5n, 'i64', 'i32', 5],
    [2n ** 63n + 1n, 'u64', 'i8', 1],
    [2n ** 53n + 1n, 'i64', 'f64', 2 ** 53],
    [16777217, 'i32', 'f32', 16777216],
    [65520, 'f32', 'f16', Infinity],
    [1 + 2 ** -11, 'f32', 'f16', 1],
    [1 + 2 ** -8, 'f32', 'bf16', 1],
    [0.1, 'f64', 'f32', Math.fround(0.1)],
  ])('%s of %s to %s', (x, from, to, result) => {
    expect(convertScalar(x, from, to)).toBe(result)
  })

  it('normalize wraps', () => {
    expect(normalize('i8', 200)).toBe(-56)
    expect(normalize('u64', -1n)).toBe(2n ** 64n - 1n)
    expect(normalize('i64', 5)).toBe(5n)
    expect(normalize('u32', -1n)).toBe(4294967295)
  })

  it('normalize wraps integers beyond 2^53 exactly', () => {
    expect(normalize('i32', 2n ** 60n + 1n)).toBe(1)
    expect(normalize('u8', 2n ** 60n + 3n)).toBe(3)
  })
})

describe('16-bit floats', () => {
  it('all binary16 patterns come back', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = fromHalf(bits)
      const expected = Number.isNaN(value) ? 0x7e00 : bits
      if ((toHalf(value) & (Number.isNaN(value) ? 0x7fff : 0xffff)) !== expected) expect.fail(`pattern ${bits}`)
    }
  })

  it('all bfloat16 patterns come back', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = fromBfloat16(bits)
      if (Number.isNaN(value)) expect(Number.isNaN(fromBfloat16(toBfloat16(value)))).toBe(true)
      else if (toBfloat16(value) !== bits) expect.fail(`pattern ${bits}`)
    }
  })

  it.each([
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519.996, 0x7bff],
    [65520, 0x7c00],
    [-Infinity, 0xfc00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [2 ** -25 * 1.5, 0x0001],
    [-(2 ** -26), 0x8000],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [2 - 2 ** -12, 0x4000],
    [-0, 0x8000],
  ])('%d is binary16 %d', (value, bits) => {
    expect(toHalf(value)).toBe(bits)
  })

  it('rounds to the nearest binary16, ties to even', () => {
    const random = new Random(1)
    for (let i = 0; i < 20_000; i++) {
      const bits = random.int(0x7bff)
      const [low, high] = [fromHalf(bits), fromHalf(bits + 1)]
      const x = Math.fround(low + (high - low) * random.float())
      const middle = (low + high) / 2
      const nearest = x < middle ? bits : x > middle ? bits + 1 : bits + (bits & 1)
      if (toHalf(x) !== nearest) expect.fail(`${x} is ${toHalf(x)}, not ${nearest}`)
      if (toHalf(middle) !== bits + (bits & 1)) expect.fail(`the tie ${middle} is ${toHalf(middle)}`)
    }
  })

  it('rounds to the nearest bfloat16, ties to even', () => {
    expect([1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, -1e-45].map(toBfloat16)).toEqual([0x3f80, 0x3f82, 0x7f80, 0x8000])
    expect(fromBfloat16(0x4049)).toBe(3.140625)
  })

  it.each([
    [0.5, 0],
    [1.5, 2],
    [2.5, 2],
    [-0.5, -0],
    [-1.5, -2],
    [-0.2, -0],
    [-0, -0],
    [0.49999999999999994, 0],
    [2 ** 52 + 1, 2 ** 52 + 1],
    [-Infinity, -Infinity],
    [NaN, NaN],
  ])('roundHalfEven(%d)', (x, result) => {
    expect(roundHalfEven(x)).toBe(result)
  })
})

describe('expressions', () => {
  const x = e.arg(0, 'f32')
  const y = e.arg(1, 'f32')

  it('print', () => {
    const relu = e.binary('max', e.binary('add', x, y), e.constant(-0, 'f32'))
    expect(e.formatExpr(relu)).toBe('max(add(a0, a1), -0:f32)')
    expect(e.formatExpr(e.convert(relu, 'i64'), (i) => `%${i + 5}`)).toBe('i64(max(add(%5, %6), -0:f32))')
    expect(e.formatExpr(e.select(e.binary('lt', x, y), e.constant(1, 'i64'), e.constant(2n, 'i64')))).toBe(
      'select(lt(a0, a1), 1:i64, 2:i64)',
    )
  })

  it('print shared parts once', () => {
    const sum = e.binary('add', x, y)
    const square = e.binary('mul', sum, sum)
    expect(e.formatExpr(e.binary('sub', square, sum))).toBe('t0 = add(a0, a1); sub(mul(t0, t0), t0)')
    let deep: e.Expr = x
    for (let i = 0; i < 60; i++) deep = e.binary('add', deep, deep)
    expect(e.formatExpr(deep).split('; ')).toHaveLength(60)
    expect(e.parts(deep)).toHaveLength(61)
  })

  it('substitute keeps shared parts shared and untouched parts themselves', () => {
    const sum = e.binary('add', x, y)
    const whole = e.binary('mul', e.unary('exp', sum), sum)
    const swapped = e.substitute(whole, (i, dtype) => e.arg(1 - i, dtype))
    expect(e.formatExpr(swapped)).toBe('t0 = add(a1, a0); mul(exp(t0), t0)')
    expect(e.parts(swapped)).toHaveLength(e.parts(whole).length)
    expect(e.substitute(whole, (i) => (i === 0 ? x : y))).toBe(whole)
  })

  it('substitute checks the types of what it builds', () => {
    expect(() => e.substitute(e.binary('add', x, y), (i) => e.arg(i, i === 0 ? 'f32' : 'i32'))).toThrow(
      'add of f32 and i32',
    )
  })

  it('convert to the same type is nothing', () => {
    expect(e.convert(x, 'f32')).toBe(x)
  })

  it.each<[() => e.Expr, string]>([
    [() => e.unary('exp', e.arg(0, 'i32')), 'exp does not take i32'],
    [() => e.unary('not', x), 'not does not take f32'],
    [() => e.unary('neg', e.arg(0, 'bool')), 'neg does not take bool'],
    [() => e.unary('neg', e.arg(0, 'f16')), 'neg does not take f16'],
    [() => e.binary('add', e.arg(0, 'bool'), e.arg(1, 'bool')), 'add does not take bool'],
    [() => e.binary('and', x, y), 'and does not take f32'],
    [() => e.binary('pow', e.arg(0, 'i32'), e.arg(0, 'i32')), 'pow does not take i32'],
    [() => e.binary('shl', x, y), 'shl does not take f32'],
    [() => e.binary('lt', e.arg(0, 'bf16'), e.arg(0, 'bf16')), 'lt does not take bf16'],
    [() => e.select(x, x, y), 'bool condition'],
    [() => e.select(e.arg(2, 'bool'), x, e.arg(1, 'f64')), 'between f32 and f64'],
  ])('ill-typed ones are refused: %#', (build, message) => {
    expect(build).toThrow(TypeError)
    expect(build).toThrow(message)
  })
})

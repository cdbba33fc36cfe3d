import type binaryenModule from 'binaryen'
import type { Binaryen, Code, FunctionBuilder } from './machine.ts'

/** Binaryen's classes of expressions, which its types leave out. */
interface Setters {
  readonly Block: { setChildAt(e: Code, index: number, child: Code): void }
  readonly LocalGet: { setIndex(e: Code, index: number): void }
  readonly LocalSet: { setIndex(e: Code, index: number): void; setValue(e: Code, value: Code): void }
  readonly Unary: { setValue(e: Code, value: Code): void }
  readonly Binary: { setLeft(e: Code, value: Code): void; setRight(e: Code, value: Code): void }
  readonly SIMDTernary: {
    setA(e: Code, value: Code): void
    setB(e: Code, value: Code): void
    setC(e: Code, value: Code): void
  }
  readonly SIMDShift: { setVec(e: Code, value: Code): void; setShift(e: Code, value: Code): void }
  readonly SIMDShuffle: { setLeft(e: Code, value: Code): void; setRight(e: Code, value: Code): void }
}

/** Where constants of 128 bits come from: locals that were set before the loop. */
export type VectorConstant = (bytes: readonly number[]) => Code

/** The body of a function that only computes: no loops, branches, calls or memory. Others have none. */
export interface StraightBody {
  readonly body: Code
  readonly params: number
}

type Info = binaryenModule.ExpressionInfo

/** The operands of an expression of straight-line vector code, each with what replaces it; undefined for other code. */
function operandsOf(b: Binaryen, e: Code): [Code, (to: Code) => void][] | undefined {
  const set = b as unknown as Setters
  const info: Info = b.getExpressionInfo(e)
  switch (info.id) {
    case b.ConstId:
    case b.LocalGetId:
      return []
    case b.BlockId:
      return (info as binaryenModule.BlockInfo).children.map((child, i) => [
        child,
        (to: Code) => set.Block.setChildAt(e, i, to),
      ])
    case b.LocalSetId:
      return [[(info as binaryenModule.LocalSetInfo).value, (to) => set.LocalSet.setValue(e, to)]]
    case b.UnaryId:
      return [[(info as binaryenModule.UnaryInfo).value, (to) => set.Unary.setValue(e, to)]]
    case b.BinaryId: {
      const { left, right } = info as binaryenModule.BinaryInfo
      return [
        [left, (to) => set.Binary.setLeft(e, to)],
        [right, (to) => set.Binary.setRight(e, to)],
      ]
    }
    case b.SIMDTernaryId: {
      const ternary = info as binaryenModule.SIMDTernaryInfo
      return [
        [ternary.a, (to) => set.SIMDTernary.setA(e, to)],
        [ternary.b, (to) => set.SIMDTernary.setB(e, to)],
        [ternary.c, (to) => set.SIMDTernary.setC(e, to)],
      ]
    }
    case b.SIMDShiftId: {
      const { vec, shift } = info as binaryenModule.SIMDShiftInfo
      return [
        [vec, (to) => set.SIMDShift.setVec(e, to)],
        [shift, (to) => set.SIMDShift.setShift(e, to)],
      ]
    }
    case b.SIMDShuffleId: {
      const { left, right } = info as binaryenModule.SIMDShuffleInfo
      return [
        [left, (to) => set.SIMDShuffle.setLeft(e, to)],
        [right, (to) => set.SIMDShuffle.setRight(e, to)],
      ]
    }
    default:
      return undefined
  }
}

/** Whether every local is v128 and the code is straight. */
export function isStraight(b: Binaryen, e: Code): boolean {
  const operands = operandsOf(b, e)
  if (!operands) return false
  const { id, type } = b.getExpressionInfo(e)
  if (id === b.LocalGetId && type !== b.v128) return false
  return operands.every(([operand]) => isStraight(b, operand))
}

/** The body's value in `f` for the given arguments: its locals become locals of `f`, its vector constants `constant`s. */
export function inlineStraight(
  f: FunctionBuilder,
  { body, params }: StraightBody,
  args: readonly Code[],
  constant: VectorConstant,
): Code {
  const { binaryen: b, m } = f
  const set = b as unknown as Setters
  const locals = new Map<number, number>()
  const localOf = (index: number): number => {
    const local = locals.get(index) ?? f.newLocal('v128')
    locals.set(index, local)
    return local
  }
  const rename = (e: Code): Code => {
    const info = b.getExpressionInfo(e)
    if (info.id === b.ConstId && info.type === b.v128) {
      return constant((info as binaryenModule.ConstInfo).value as number[])
    }
    if (info.id === b.LocalGetId) set.LocalGet.setIndex(e, localOf((info as binaryenModule.LocalGetInfo).index))
    if (info.id === b.LocalSetId) set.LocalSet.setIndex(e, localOf((info as binaryenModule.LocalSetInfo).index))
    for (const [operand, replace] of operandsOf(b, e)!) {
      const to = rename(operand)
      if (to !== operand) replace(to)
    }
    return e
  }
  const copy = rename(m.copyExpression(body))
  const given = Array.from({ length: params }, (_, i) => f.set(localOf(i), args[i]!))
  return m.block(null, [...given, copy], b.v128)
}

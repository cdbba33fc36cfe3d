import type { DType, Scalar } from '../core/scalar/dtype.ts'
import type { Code, FunctionBuilder } from './machine.ts'
import { splatCode } from './vector.ts'

/** Vector constants of a function, each put into a local once, before all loops. */
export class HoistedConstants {
  private readonly f: FunctionBuilder
  private readonly locals = new Map<string, number>()
  /** What comes before the loops. */
  readonly prologue: Code[] = []

  constructor(f: FunctionBuilder) {
    this.f = f
  }

  /** `value` in all lanes. */
  splat(value: Scalar, dtype: DType): Code {
    return this.once(`${dtype} ${Object.is(value, -0) ? '-0' : value}`, () => splatCode(this.f, value, dtype))
  }

  bits(bytes: readonly number[]): Code {
    return this.once(bytes.join(), () => this.f.m.v128.const([...bytes]))
  }

  private once(key: string, value: () => Code): Code {
    const { f } = this
    let local = this.locals.get(key)
    if (local === undefined) {
      local = f.newLocal('v128')
      this.prologue.push(f.set(local, value()))
      this.locals.set(key, local)
    }
    return f.get(local)
  }
}

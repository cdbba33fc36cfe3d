import type binaryenModule from 'binaryen'
import { byteSize, isInteger, isSigned, type DType } from '../core/scalar/dtype.ts'
import type { TemplateName } from '../schedule/templates.generated.ts'

export type Binaryen = typeof binaryenModule
export type Module = binaryenModule.Module
export type Code = binaryenModule.ExpressionRef
export type WasmType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128'

/** The wasm type that holds a scalar of `dtype`: narrow integers, bool and the bits of narrow floats are i32. */
export function wasmTypeOf(dtype: DType): Exclude<WasmType, 'v128'> {
  if (dtype === 'f32' || dtype === 'f64') return dtype
  return byteSize(dtype) === 8 ? 'i64' : 'i32'
}

/** Name that Binaryen gives the memory of a module it has read; templates and generated code must agree on it. */
export const memoryName = '0'

/** Without features, which Binaryen's type declarations leave out, modules with some of the newer instructions are refused. */
export function readModule(binaryen: Binaryen, bytes: Uint8Array): Module {
  const read = binaryen.readBinary as (bytes: Uint8Array, features: number) => Module
  return read(bytes, binaryen.Features.All)
}

/** A function being built: its parameters and the locals it has asked for. */
export class FunctionBuilder {
  readonly binaryen: Binaryen
  readonly m: Module
  readonly params: readonly WasmType[]
  private readonly locals: WasmType[] = []
  /** Copies a template into the module; gives the function's name. */
  readonly link: (template: TemplateName) => string

  constructor(
    host: { binaryen: Binaryen; m: Module; link: (template: TemplateName) => string },
    params: readonly WasmType[],
  ) {
    this.binaryen = host.binaryen
    this.m = host.m
    this.link = host.link
    this.params = params
  }

  type(t: WasmType): number {
    return this.binaryen[t]
  }

  newLocal(t: WasmType): number {
    return this.params.length + this.locals.push(t) - 1
  }

  typeOf(local: number): WasmType {
    return local < this.params.length ? this.params[local]! : this.locals[local - this.params.length]!
  }

  get(local: number): Code {
    return this.m.local.get(local, this.type(this.typeOf(local)))
  }

  /** The local that `value` does nothing but read, if it is so. */
  localOf(value: Code): number | undefined {
    const { binaryen } = this
    const info = binaryen.getExpressionInfo(value)
    return info.id === binaryen.LocalGetId ? (info as binaryenModule.LocalGetInfo).index : undefined
  }

  set(local: number, value: Code): Code {
    return this.m.local.set(local, value)
  }

  i32(value: number): Code {
    return this.m.i32.const(value)
  }

  block(codes: readonly Code[]): Code {
    return codes.length === 1 ? codes[0]! : this.m.block(null, [...codes])
  }

  /** `local += bytes`; nothing for 0. */
  advance(local: number, bytes: number): Code[] {
    return bytes === 0 ? [] : [this.set(local, this.m.i32.add(this.get(local), this.i32(bytes)))]
  }

  finish(name: string, results: readonly WasmType[], body: Code): void {
    const { binaryen } = this
    const list = (types: readonly WasmType[]): number => binaryen.createType(types.map((t) => binaryen[t]))
    this.m.addFunction(
      name,
      list(this.params),
      list(results),
      this.locals.map((t) => binaryen[t]),
      body,
    )
  }

  /** Loads one element of `dtype` as a scalar. */
  loadScalar(dtype: DType, pointer: Code, offset = 0): Code {
    const { m } = this
    const signed = isSigned(dtype) && isInteger(dtype)
    switch (byteSize(dtype)) {
      case 1:
        return signed ? m.i32.load8_s(offset, 1, pointer, memoryName) : m.i32.load8_u(offset, 1, pointer, memoryName)
      case 2:
        return signed ? m.i32.load16_s(offset, 2, pointer, memoryName) : m.i32.load16_u(offset, 2, pointer, memoryName)
      default:
        return m[wasmTypeOf(dtype)].load(offset, byteSize(dtype), pointer, memoryName)
    }
  }

  storeScalar(dtype: DType, pointer: Code, value: Code, offset = 0): Code {
    const { m } = this
    switch (byteSize(dtype)) {
      case 1:
        return m.i32.store8(offset, 1, pointer, value, memoryName)
      case 2:
        return m.i32.store16(offset, 2, pointer, value, memoryName)
      default:
        return m[wasmTypeOf(dtype)].store(offset, byteSize(dtype), pointer, value, memoryName)
    }
  }
}

import { scriptOf, type Engine, type ModelScript, type NumberArray } from './engine.ts'

export interface Run {
  readonly engine: string
  readonly version: string
  /** Which of the model's modules suits the engine, so that it ran that one. */
  readonly picked: 'simd' | 'relaxed-simd'
  readonly outputs: Readonly<Record<string, NumberArray>>
}

/** A typed array in JSON: its constructor's name and its bytes in base64. */
interface Encoded {
  readonly type: string
  readonly base64: string
}
type Named = readonly (readonly [name: string, array: Encoded])[]

/** Runs the model `NAME` of a folder of artefacts once. */
export async function runModel(
  engine: Engine,
  directory: string,
  name: string,
  inputs: Readonly<Record<string, NumberArray>>,
): Promise<Run> {
  const { encode, decode } = codec()
  const payload: Named = Object.entries(inputs).map(([input, array]) => [input, encode(array)])
  const script = `const codec = ${codec.toString()}\n${scriptOf(task)}`
  const result = await engine.run({ directory, name, script, payload })
  const { picked, outputs } = result as { picked: Run['picked']; outputs: Named }
  return {
    engine: engine.name,
    version: await engine.version(),
    picked,
    outputs: Object.fromEntries(outputs.map(([output, array]) => [output, decode(array)])),
  }
}

/** Refers to nothing but `codec`, beside which its text is put. */
async function task(script: ModelScript, inputs: Named): Promise<{ picked: Run['picked']; outputs: Named }> {
  const { encode, decode } = codec()
  const model = await script.load()
  const results = model.run(Object.fromEntries(inputs.map(([name, array]) => [name, decode(array)])))
  return { picked: script.target, outputs: Object.entries(results).map(([name, array]) => [name, encode(array)]) }
}

/** Refers to nothing outside itself; `atob` and `btoa` are what all engines have. */
function codec() {
  return {
    encode(array: NumberArray): Encoded {
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
      let text = ''
      for (const byte of bytes) text += String.fromCharCode(byte)
      return { type: array[Symbol.toStringTag], base64: btoa(text) }
    },
    decode({ type, base64 }: Encoded): NumberArray {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
      const constructor = Reflect.get(globalThis, type) as new (buffer: ArrayBuffer) => NumberArray
      return new constructor(bytes.buffer)
    },
  }
}

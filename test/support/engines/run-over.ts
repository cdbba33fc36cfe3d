/** A module, its inputs, and what its memory holds before it runs. */
export interface Job {
  readonly module: Uint8Array
  readonly inputs: readonly { readonly address: number; readonly bytes: Uint8Array }[]
  readonly outputs: readonly { readonly address: number; readonly length: number }[]
  /** The first byte behind the module's constants. */
  readonly arena: number
  /** What stands in memory from there on before each run: one byte everywhere, or random ones from a seed. */
  readonly fills: readonly ({ readonly byte: number } | { readonly seed: number })[]
}

/** The bytes of each output for each fill. Imports nothing: child processes of other Nodes load it as it is. */
export function runOver({ module, inputs, outputs, arena, fills }: Job): Uint8Array[][] {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module as BufferSource), {})
  const { memory, run } = instance.exports as { memory: WebAssembly.Memory; run: () => void }
  const all = new Uint8Array(memory.buffer)
  return fills.map((fill) => {
    if ('byte' in fill) all.fill(fill.byte, arena)
    else fillRandomly(new Uint32Array(memory.buffer, Math.ceil(arena / 4) * 4), fill.seed)
    for (const { address, bytes } of inputs) all.set(bytes, address)
    run()
    return outputs.map(({ address, length }) => all.slice(address, address + length))
  })
}

/** Marsaglia's xorshift of 32 bits. */
function fillRandomly(words: Uint32Array, seed: number): void {
  let x = seed
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    words[i] = x
  }
}

import { resolve } from 'node:path'
import { readFile } from '../../data/index.ts'
import { fail, reasonOf, type ModuleSpec, type Tensor, type View } from '../../index.ts'

/** What is taken of a compiled model's script. */
interface Script {
  instantiate(module: Uint8Array): { encode(text: string, options: { readonly pair?: string }): Record<string, View> }
}

/**
 * The inputs that a text becomes, by the tokenizer in the script `path` that was compiled with the module. A501 where the model takes
 * no texts, or an input of the text is given, too; A502 where the script is not there, or is not the module's.
 */
export async function textInputs(
  module: Uint8Array,
  { hash, inputs, text: names }: ModuleSpec,
  path: string,
  text: string,
  { pair, input = {} }: { readonly pair?: string; readonly input?: Readonly<Record<string, string>> },
): Promise<Record<string, Tensor>> {
  if (!names) fail('A501', '--text: the model takes no texts', { hint: 'compile it with --tokenizer tokenizer.json' })
  // It is run: so it must be what was written with the module.
  if (!new TextDecoder().decode(readFile(path)).includes(`"hash":"${hash}"`))
    fail('A502', `"${path}" is not the script that was compiled with the module`)
  const { createJiti } = await import('jiti')
  // Node's own import is enough, but for what Node takes for CommonJS.
  const { instantiate } = await createJiti(import.meta.url, { tryNative: true, fsCache: false, moduleCache: false })
    .import<Script>(resolve(path))
    .catch((error: unknown) => fail('A502', `"${path}" cannot be loaded: ${reasonOf(error)}`))
  const made = instantiate(module).encode(text, { ...(pair !== undefined && { pair }) })
  const both = Object.keys(made).find((name) => Object.hasOwn(input, name))
  if (both !== undefined) fail('A501', `--text: input "${both}" is given by --input, too`)
  const entries = inputs.flatMap(({ name, dtype, shape }) =>
    Object.hasOwn(made, name) ? [[name, { dtype, shape, data: made[name]! }] as const] : [],
  )
  return Object.fromEntries(entries)
}

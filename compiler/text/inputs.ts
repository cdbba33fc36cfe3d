import { fail } from '../core/diagnostics/diagnostic.ts'
import { formatType, type TensorType } from '../core/tensor.ts'
import type { TextSpec } from '../../runtime/texts.ts'
import type { Tokenizer } from './read.ts'

/** An input of a model, and where its elements are places in a table, which of them are inside. */
export interface TextInput extends TensorType {
  readonly name: string
  readonly range?: readonly [low: number, high: number] | undefined
}

/** Names that exporters give inputs, by what they take. */
const roles = {
  ids: /^(?:input[-_]?ids?|ids?|input|inputs|tokens?|token_ids|text|x)$/i,
  mask: /^(?:attention_mask|input_mask|mask)$/i,
  types: /^(?:token_type_ids|segment_ids|type_ids|segments)$/i,
  positions: /^(?:position_ids|positions)$/i,
} as const
type Role = keyof typeof roles

const idTypes: readonly string[] = ['i64', 'i32', 'u32', 'i16', 'u16', 'u64']
const maskTypes: readonly string[] = [...idTypes, 'i8', 'u8', 'f32', 'f64', 'bool']

/**
 * Which input takes what of a text, and how many ids they have room for; `what` names the option in messages. A501 where that cannot
 * be told, A504 where an input takes no ids of one text, or its table has no row for an id that the tokenizer gives.
 */
export function textInputs(
  inputs: readonly TextInput[],
  { file, size }: Tokenizer,
  what: string,
): { readonly names: TextSpec; readonly length: number } {
  const listed = inputs.map((input) => `"${input.name}" (${formatType(input)})`).join(', ') || 'none'
  const found = new Map<Role, string>()
  for (const { name, dtype, shape, range } of inputs) {
    const role = inputs.length === 1 ? 'ids' : (Object.keys(roles) as Role[]).find((each) => roles[each].test(name))
    if (role === undefined || found.has(role))
      return fail('A501', `${what}: it cannot be told what input "${name}" takes of a text; inputs are ${listed}`, {
        hint: 'inputs are called input_ids, attention_mask, token_type_ids, position_ids; --bind makes others constants',
      })
    const types = role === 'mask' ? maskTypes : idTypes
    if (!types.includes(dtype)) fail('A504', `${what}: input "${name}" is ${dtype}; it would take ${types.join(', ')}`)
    if (!(shape.length > 0 && shape.length < 3 && shape.slice(0, -1).every((d) => d === 1)))
      fail('A504', `${what}: input "${name}" is [${shape.join(',')}]; a text becomes [length] or [1,length]`, {
        hint: `give --shape ${name}=1,128, or another length that the model was made for`,
      })
    if (role === 'ids' && range && size - 1 > range[1])
      fail(
        'A504',
        `${what}: "${file}" gives ids up to ${size - 1}, and the table of input "${name}" ends at ${range[1]}`,
        {
          hint: 'the tokenizer is another model’s, or has tokens that were added later',
        },
      )
    found.set(role, name)
  }
  const ids = found.get('ids') ?? fail('A501', `${what}: no input takes ids; inputs are ${listed}`)
  const lengths = new Set(inputs.map(({ shape }) => shape.at(-1)!))
  if (lengths.size > 1) fail('A504', `${what}: inputs are of several lengths: ${listed}`)
  return { names: { ids, ...Object.fromEntries(found) }, length: [...lengths][0]! }
}

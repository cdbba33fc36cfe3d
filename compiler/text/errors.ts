import { fail } from '../core/diagnostics/diagnostic.ts'

/** Where something stands in a tokenizer.json: `pre_tokenizer.pretokenizers[1].pattern`. */
export type Place = string

export function malformed(file: string, place: Place, why: string): never {
  fail('A502', `"${file}"${place && `, at ${place}`}: ${why}`)
}

/** What a tokenizer may do, and attar's cannot. */
export function unsupported(file: string, place: Place, what: string, hint: string): never {
  fail('A509', `"${file}", at ${place}: ${what}`, { hint })
}

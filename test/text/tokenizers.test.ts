import native from '@anush008/tokenizers'
import { describe, expect, it } from 'vitest'
import { encoderSource, readTokenizer } from '../../compiler/text/index.ts'
import type { Encode, Encoding } from '../../runtime/text/tokenizer.ts'
import { linesOf } from './lines.ts'
import { tokenizers } from './tokenizers.ts'

/** Hugging Face's own tokenizers, in Rust, are the judge. scripts/tokenizers.mjs compares all 1,000 lines. */
const count = Number(process.env.ATTAR_TEXT_LINES ?? 160)
const lines = linesOf(count)
const all = tokenizers(linesOf(400))

const bytesOf = (json: object): Uint8Array => new TextEncoder().encode(JSON.stringify(json))

/** What a script of ours does, as it is shipped. */
function shipped(json: object): Encode {
  const source = encoderSource(readTokenizer(bytesOf(json), 'tokenizer.json'))
  return new Function(`${source}; return encode`)() as Encode
}

async function judged(json: object, text: string, pair?: string): Promise<Encoding> {
  const found = await judges(json).encode(text, pair ?? null)
  return { ids: found.getIds(), types: found.getTypeIds(), mask: found.getAttentionMask() }
}
const made = new Map<object, native.Tokenizer>()
function judges(json: object): native.Tokenizer {
  const known = made.get(json) ?? native.Tokenizer.fromString(JSON.stringify(json))
  made.set(json, known)
  return known
}

describe('ids are those of Hugging Face’s tokenizers', () => {
  it.each(Object.keys(all))('%s', async (name) => {
    const json = all[name]!
    const encode = shipped(json)
    const wrong: unknown[] = []
    const seen = new Set<number>()
    for (const line of lines) {
      const [ours, theirs] = [encode(line), await judged(json, line)]
      for (const id of theirs.ids) seen.add(id)
      if (JSON.stringify(ours) !== JSON.stringify(theirs)) wrong.push({ line, ours: ours.ids, theirs: theirs.ids })
    }
    expect(wrong.slice(0, 3)).toEqual([])
    // The lines try the vocabulary, not the unknown alone.
    expect(seen.size).toBeGreaterThan(100)
  })

  it('of two texts', async () => {
    for (const [name, json] of Object.entries(all)) {
      const encode = shipped(json)
      for (const [i, line] of lines.slice(0, 40).entries()) {
        const pair = lines[(i * 7 + 3) % lines.length]!
        expect(encode(line, { pair }), `${name}: ${line} / ${pair}`).toEqual(await judged(json, line, pair))
      }
    }
  })
})

/** What a tokenizer is put together of. The build makes a source of each by itself, so that a script has only those that it calls. */
export { bpe, unigram, wordLevel, wordPiece } from './models.ts'
export {
  bertNormalizer,
  inTurn,
  lowercase,
  nmt,
  prepend,
  replace,
  strip,
  stripAccents,
  unicodeForm,
} from './normalize.ts'
export { floatsOf, mergesOf, tokensOf } from './pack.ts'
export { precompiled } from './precompiled.ts'
export { byteLevel, bytes, chain, matches, metaspace, splitAt, whole } from './split.ts'
export { tokenizer } from './tokenizer.ts'

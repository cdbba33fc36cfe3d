export { withNewIds, type IdMap } from './new-ids.ts'
export type { Patchable } from './patched.ts'
export { idInputs, withVocabulary, type Vocabulary, type VocabularyOptions } from './vocabulary.ts'

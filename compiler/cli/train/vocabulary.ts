import type { Settings } from '../../config/schema.ts'
import type { PreprocessOptions } from '../../data/index.ts'
import type { ImportedModel, VocabularyReport } from '../../index.ts'
import { vocabularySamples } from '../compile/vocabulary-options.ts'

/** A model with the rows of embeddings that the settings keep, before it is trained. */
export async function keptVocabulary(
  model: ImportedModel,
  { vocabulary, data }: Settings,
  preprocess: PreprocessOptions,
): Promise<{ readonly model: ImportedModel; readonly vocabulary?: VocabularyReport }> {
  if (!vocabulary) return { model }
  const { fail, pruneVocabulary } = await import('../../index.ts')
  const path = vocabulary.data ?? data?.train
  if (path === undefined) fail('A702', 'vocabulary: there is no data that tells which rows are read')
  const samples = await vocabularySamples(path!, model, preprocess)
  const { model: found } = await pruneVocabulary(model, { samples, unknown: vocabulary.unknown ?? 'mean' })
  return { model: found, vocabulary: found.vocabulary }
}

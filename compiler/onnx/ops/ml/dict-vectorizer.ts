import type { OpContext, Operator } from '../../context.ts'
import { isScores } from '../../item.ts'
import { takeFixed } from '../../shared/indices.ts'

/** The values of a map by the keys of a vocabulary, [1, keys]; 0 for those that it does not have. */
export const dictVectorizer: Operator = {
  items: true,
  floats: 'storage',
  lower: (c: OpContext) => {
    const { b } = c
    const item = c.item(0)
    if (!item || !isScores(item)) c.unsupported('what is not an input of the model')
    const strings = c.strings('string_vocabulary', [])
    const vocabulary = strings.length > 0 ? strings : c.ints('int64_vocabulary', [])
    c.check(vocabulary.length > 0, 'there is no vocabulary')
    const { scores, classes } = item
    c.check(scores.type.shape.length === 1, `a map has values of [${scores.type.shape.join(',')}]`)
    // The keys of an input are those of all vocabularies.
    const places = new Map(classes.map((key, i) => [key, i]))
    const wanted = vocabulary.map((key) => places.get(key) ?? c.unsupported('a map of other keys'))
    const taken = takeFixed(b, scores, wanted, 0)
    return [b.reshape(taken, [1, vocabulary.length])]
  },
}

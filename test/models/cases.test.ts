import { describe, expect, it } from 'vitest'
import { findCases, moduleEngine, modulePlaces, runCase } from '../../compiler/verify/index.ts'

/** A folder of models with data, as `attar verify --cases` takes it; not part of the repository. */
const root = process.env.ATTAR_CASES

/**
 * Quantized models whose expected outputs were computed in floats, where what is next to a tie may round the other way. This
 * one's softmax makes several steps of its output of one step of a logit: onnxruntime's integers are as far off.
 */
const tolerances: Readonly<Record<string, number>> = {
  'mobilenet-v1-0.25-128-qdq': 10 / 256,
}

describe.skipIf(root === undefined)('real models', () => {
  it.each(root === undefined ? [] : findCases(root))('$name', { timeout: 120_000 }, async (folder) => {
    const places = modulePlaces()
    const atol = tolerances[folder.name]
    const result = await runCase(folder, moduleEngine(places), atol === undefined ? undefined : { atol, rtol: 0 })
    places.close()
    expect(result.status, result.message).toBe('pass')
  })
})

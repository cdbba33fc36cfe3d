import { describe, expect, it } from 'vitest'
import { findCases, moduleEngine, modulePlaces, runCase } from '../../compiler/verify/index.ts'

/** A folder of models with data, as `attar verify --cases` takes it; not part of the repository. */
const root = process.env.ATTAR_CASES

/**
 * Quantized models whose expected outputs were computed in floats, where what is next to a tie may round the other way. One
 * step of a logit is three steps of this one's probabilities.
 */
const tolerances: Readonly<Record<string, number>> = {
  'mobilenet-v1-0.25-128-qdq': 3 / 256,
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

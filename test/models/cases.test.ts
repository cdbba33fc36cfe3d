import { describe, expect, it } from 'vitest'
import { findCases, moduleEngine, modulePlaces, runCase } from '../../compiler/verify/index.ts'

/** A folder of models with data, as `attar verify --cases` takes it; not part of the repository. */
const root = process.env.ATTAR_CASES

/** Models that attar does not compile yet, or not exactly, with the code of the diagnostic. */
const expected: Readonly<Record<string, string>> = {
  'mobilenet-v1-0.25-128-qdq': 'mismatch',
}

describe.skipIf(root === undefined)('real models', () => {
  it.each(root === undefined ? [] : findCases(root))('$name', { timeout: 120_000 }, async (folder) => {
    const places = modulePlaces()
    const result = await runCase(folder, moduleEngine(places))
    places.close()
    expect(result.status === 'pass' ? undefined : result.code, result.message).toBe(expected[folder.name])
  })
})

import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { abiVersion } from '../../compiler/core/artefact/artefact.ts'
import { script } from '../../compiler/package/script.ts'

it.each([
  ['', 2048, {}],
  [' of models with states', 2048, { states: [] }],
  [' of models of several shapes', 2400, { signatures: [] }],
  [' of models of several shapes with states', 2400, { signatures: [], states: [] }],
])(
  'ships a runtime%s of less than %d bytes, minified and gzipped, beside what describes the model',
  (kind, most, more) => {
    const spec = { abi: abiVersion, hash: '0123456789abcdef', attar: '0.1.0', inputs: [], outputs: [], metadata: {} }
    const bytes = gzipSync(script({ ...spec, ...more }, 'model', ['simd', 'relaxed-simd']), { level: 9 }).length
    console.log(`runtime${kind}: ${bytes} bytes gzipped`)
    expect(bytes).toBeLessThan(most)
  },
)

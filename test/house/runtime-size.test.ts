import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { abiVersion } from '../../compiler/core/artefact.ts'
import { script } from '../../compiler/package/script.ts'

it.each([
  ['', {}],
  [' of models with states', { states: [] }],
])('ships a runtime%s of less than 2 KB, minified and gzipped, beside what describes the model', (kind, more) => {
  const spec = { abi: abiVersion, hash: '0123456789abcdef', attar: '0.1.0', inputs: [], outputs: [], metadata: {} }
  const bytes = gzipSync(script({ ...spec, ...more }, 'model', ['simd', 'relaxed-simd']), { level: 9 }).length
  console.log(`runtime${kind}: ${bytes} bytes gzipped`)
  expect(bytes).toBeLessThan(2048)
})

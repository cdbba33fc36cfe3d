import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { findCases, moduleEngine, modulePlaces, runCase, type CaseResult } from '../../compiler/verify/index.ts'

/** Where Debian's libonnx-testdata puts the ONNX backend cases. */
const suiteRoot = '/usr/share/libonnx-testdata/data'

/** Cases that do not pass, one a line: name, status, code, reason. `UPDATE_EXPECTED=1` writes it anew. */
const expectedFile = 'test/onnx/expected.txt'

/** Cases of a newer suite, packed. */
const moreCases = join(process.env.ATTAR_CASES ?? '', '../onnx-backend-extra.tar.xz')

/** Those of them that do not pass: pictures of kinds that attar does not read. */
const unreadPictures = ['bmp_rgb', 'jpeg2k_rgb', 'pnm_rgb'].map((kind) => `node/test_image_decoder_decode_${kind}`)

const line = ({ case: name, status, code, message }: CaseResult): string =>
  [name, status, code ?? '', (message ?? '').slice(0, 160)].join('\t')

const keyOf = (text: string): string => text.split('\t').slice(0, 3).join('\t')

describe.skipIf(!existsSync(suiteRoot))('ONNX backend suite', () => {
  it('passes but for the cases that expected.txt lists with their reasons', async () => {
    const places = modulePlaces()
    const engine = moduleEngine(places)
    const results: CaseResult[] = []
    for (const folder of findCases(suiteRoot)) results.push(await runCase(folder, engine))
    places.close()
    const others = results.filter((r) => r.status !== 'pass').map(line)
    if (process.env.UPDATE_EXPECTED) writeFileSync(expectedFile, others.join('\n') + '\n')
    const expected = readFileSync(expectedFile, 'utf8').trimEnd().split('\n')
    expect(others.map(keyOf)).toEqual(expected.map(keyOf))
    const passed = results.length - others.length
    const relaxed = places.relaxed ? `both modules, the relaxed one in ${places.relaxed}` : 'the baseline module only'
    console.log(`ONNX backend suite: ${passed} of ${results.length} pass (${relaxed})`)
    expect(readFileSync('docs/models.md', 'utf8')).toContain(
      `${passed.toLocaleString('en')} of ${results.length.toLocaleString('en')}`,
    )
  })
})

describe.skipIf(!process.env.ATTAR_CASES || !existsSync(moreCases))('newer cases of the ONNX backend suite', () => {
  it('pass but for three', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'attar-cases-'))
    const places = modulePlaces()
    try {
      expect(spawnSync('tar', ['-xf', moreCases, '-C', folder]).status).toBe(0)
      const engine = moduleEngine(places)
      const results: CaseResult[] = []
      for (const each of findCases(folder)) results.push(await runCase(each, engine))
      expect(results.filter((r) => r.status !== 'pass').map((r) => r.case)).toEqual(unreadPictures)
      console.log(`newer cases: ${results.length - unreadPictures.length} of ${results.length} pass`)
    } finally {
      places.close()
      rmSync(folder, { recursive: true })
    }
  })
})

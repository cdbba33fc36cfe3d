import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { model, node, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'
import { Random } from '../support/random.ts'
import { wav } from '../support/wav.ts'

const guide = readFileSync('docs/audio.md', 'utf8')
const blocks = (language: string): string[] =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, text]) => text!)
const commands = [...guide.matchAll(/^ {4}attar (.*)$/gm)].map(([, line]) => line!)
const { at, out, err, clear, attar } = commandLine()

it('has commands and files that work as they stand there', async () => {
  const random = new Random(3)
  const floats = (...shape: number[]) =>
    tensorOf(
      'f32',
      shape,
      Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.float() - 0.5),
    )
  const keyword = model({
    inputs: ['input f32[1,49,10,1]'],
    outputs: ['words f32[1,3]'],
    nodes: ['f = Reshape(input, flat)', 'm = MatMul(f, w)', node('words = Softmax(m)')],
    initializers: [stored('flat', tensorOf('i64', [2], [1, 490])), stored('w', floats(490, 3))],
  })
  writeFileSync(at('keyword.onnx'), keyword)
  writeFileSync(at('sound.json'), blocks('json')[0]!)
  writeFileSync(at('keyword.config.ts'), blocks('ts')[0]!)
  mkdirSync(at('node_modules'))
  symlinkSync(resolve('.'), at('node_modules', 'attar'))
  const said = (word: string, i: number, rate = 16000): Uint8Array =>
    wav(
      Array.from({ length: rate }, (_, t) => 0.4 * Math.sin(t * (word === 'yes' ? 0.9 : 0.2) * (1 + i / 50))),
      { rate },
    )
  for (const word of ['yes', 'no']) {
    mkdirSync(at('commands', word), { recursive: true })
    for (let i = 0; i < 8; i++) writeFileSync(at('commands', word, `${i}.wav`), said(word, i))
  }
  writeFileSync(at('yes.wav'), said('yes', 0, 8000))
  expect(commands).toHaveLength(8)
  const files = /(^|=)((?:keyword|heard|sound|yes|trained|out|stream|small|commands)(?:\.|\/|$))/
  for (const line of commands) {
    clear()
    const args = line.split(' ').map((word) => word.replace(files, (_, before, name) => `${before}${at(String(name))}`))
    expect(await attar(...args), `${line}\n${err.join('\n')}${out.join('\n')}`).toBe(0)
    if (line.startsWith('run out/')) expect(out.join()).toMatch(/^words f32\[1,3\]/)
    if (line.startsWith('run stream/')) expect(out.join()).toMatch(/^words f32\[50,1,3\]/)
  }
  // What a page does with the module.
  const { spec } = (await import(at('out', 'model.js'))) as { spec: Record<string, unknown> }
  expect(spec).toMatchObject({ sound: { rate: 16000 }, inputs: [{ name: 'input', shape: [16000] }] })
  expect(blocks('js')[0]).toContain('spec.sound')
})

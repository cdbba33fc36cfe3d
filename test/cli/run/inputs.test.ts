import { writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../../compiler/core/tensor.ts'
import { writeNpz } from '../../../compiler/data/index.ts'
import { model } from '../../onnx/build.ts'
import { commandLine } from '../../support/command-line.ts'
import { wav } from '../../support/wav.ts'

const { at, attar, out, err, clear, json } = commandLine()

const rate = 8000
const ramp = (count: number): number[] => Array.from({ length: count }, (_, i) => i / 256)

beforeAll(async () => {
  for (const [name, shape] of [
    ['flat', '1,4'],
    ['picture', '1,2,3'],
  ] as const)
    writeFileSync(
      at(`${name}.onnx`),
      model({ inputs: [`x f32[${shape}]`], outputs: [`y f32[${shape}]`], nodes: ['y = Neg(x)'] }),
    )
  writeFileSync(at('open.onnx'), model({ inputs: ['x f32[1,n]'], outputs: ['y f32[1,n]'], nodes: ['y = Neg(x)'] }))
  for (const count of [3, 4, 6]) writeFileSync(at(`${count}.wav`), wav(ramp(count), { rate }))
  writeFileSync(at('rate.json'), JSON.stringify({ rate }))
  for (const name of ['flat', 'picture'])
    expect(await attar('compile', at(`${name}.onnx`), '-o', at(name)), err.join('\n')).toBe(0)
  expect(
    await attar('compile', at('open.onnx'), '-o', at('open'), '--shape', 'x=1,4', '--shape', 'x=1,6'),
    err.join('\n'),
  ).toBe(0)
})

const run = (folder: string, ...args: string[]): Promise<number> => {
  clear()
  return attar('run', at(folder), ...args)
}
const result = async (folder: string, ...args: string[]): Promise<number[]> => {
  expect(await run(folder, '--json', ...args), err.join('\n')).toBe(0)
  return (json()['outputs'] as Record<string, { data: number[] }>)['y']!.data
}
const negative = (count: number): number[] => ramp(count).map((x) => -x || 0)

describe('a sound for an input that nothing is said of', () => {
  it('goes in as it is where it fits', async () => {
    expect(await result('flat', '--input', `x=${at('4.wav')}`)).toEqual(negative(4))
    expect(err).toEqual([])
  })

  it.each([
    ['flat', 3, 'f32[1,4]'],
    ['flat', 6, 'f32[1,4]'],
    ['picture', 4, 'f32[1,2,3]'],
    ['picture', 6, 'f32[1,2,3]'],
  ])('is refused by %s where it has %i samples', async (folder, count, type) => {
    expect(await run(folder, '--input', `x=${at(`${count}.wav`)}`)).toBe(2)
    expect(err.join('\n')).toContain('A504')
    expect(err.join('\n')).toContain(type)
    if (folder === 'flat') expect(err.join('\n')).toMatch(/has \d samples[^]*compile with --pcm[^]*\.npy/)
  })

  it('is told of where the input takes samples, and is cut or filled up', async () => {
    expect(await run('flat', '--input', `x=${at('6.wav')}`, '--preprocess', at('rate.json'))).toBe(0)
    expect(err.join('\n')).toMatch(/6\.wav" has 6 samples at 8000 Hz: the first 4 are taken/)
    expect(await run('flat', '--input', `x=${at('3.wav')}`, '--preprocess', at('rate.json'))).toBe(0)
    expect(err.join('\n')).toMatch(/has 3 samples at 8000 Hz, and 4 are taken: zeros stand behind it/)
  })

  it('finds the shape of several that it fits', async () => {
    for (const more of [[], ['--preprocess', at('rate.json')]]) {
      expect(await result('open', '--input', `x=${at('6.wav')}`, ...more)).toEqual(negative(6))
      expect(err).toEqual([])
    }
  })
})

it('says which arrays of a file no input takes', async () => {
  const x = tensorOf('f32', [1, 4], [1, 2, 3, 4])
  writeFileSync(at('more.npz'), writeNpz({ x, z: x }))
  expect(await run('flat', '--inputs', at('more.npz')), err.join('\n')).toBe(0)
  expect(err.join('\n')).toMatch(/more\.npz": not used: "z"; inputs are "x"/)
  expect(await run('flat', '--inputs', at('more.npz'), '--input', 'x=1,2,3,4')).toBe(2)
  expect(err.join('\n')).toMatch(/has no input that the module takes/)
})

it('takes a folder, and says where that has several models', async () => {
  expect(await attar('compile', at('flat.onnx'), '-o', at('flat'), '--name', 'other'), err.join('\n')).toBe(0)
  clear()
  expect(await run('flat', '--input', 'x=random')).toBe(2)
  expect(err.join('\n')).toMatch(/holds 2 compiled models: name one of/)
  expect(await attar('run', at('flat/other.relaxed.wasm'), '--input', 'x=1')).toBe(2)
  expect(out).toEqual([])
})

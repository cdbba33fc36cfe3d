import { mkdirSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { writeNpy, writeNpz } from '../../compiler/data/index.ts'
import { model, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'

const floats = (shape: number[]) =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => Math.sin(i)),
  )

const { folder, at, out, err, clear, ...line } = commandLine()

function attar(...args: string[]): Promise<number> {
  clear()
  return line.attar(...args)
}

beforeAll(async () => {
  const dense = { inputs: ['x f32[batch,8]'], outputs: ['y'], nodes: ['y = MatMul(x, w)'] }
  writeFileSync(at('m.onnx'), model({ ...dense, initializers: [stored('w', floats([8, 4]))] }))
  const many = {
    inputs: ['on bool[]', 'sr i64[]', 'box f32[1,4]', 'n i8[2]'],
    outputs: ['y', 's', 'a', 'z'],
    nodes: ['z = Add(n, n)', 's = Add(sr, sr)', 'a = Add(box, box)', 'y = Not(on)'],
  }
  writeFileSync(at('many.onnx'), model(many))
  writeFileSync(at('x.npy'), writeNpy(floats([1, 8])))
  writeFileSync(at('data.npz'), writeNpz({ x: floats([30, 8]) }))
  mkdirSync(at('folder.onnx'))
  mkdirSync(at('folder.npy'))
  mkdirSync(at('empty'))
  for (const end of ['onnx', 'npy', 'npz', 'csv', 'jsonl', 'wasm', 'pb', 'json', 'jpg', 'idx3-ubyte', 'tflite'])
    writeFileSync(at(`empty.${end}`), '')
  writeFileSync(at('text.wasm'), 'hello')
  expect(await attar('compile', at('m.onnx'), '-o', at('out'), '--dim', 'batch=1')).toBe(0)
})

/** Command lines as a new user could write them, `@x` a file of that name. */
const mistakes: string[] = [
  ...['none', 'folder', 'empty'].flatMap((name) => [
    `compile @${name}.onnx -o @no`,
    `inspect @${name}.onnx`,
    `bench @${name}.onnx`,
    `bench @${name}.onnx --layers`,
    `verify @${name}.onnx @out`,
    `run @${name}.onnx`,
    `compile @m.onnx -o @no --bind x=@${name}.npy`,
    `run @out/model.wasm --input x=@${name}.npy`,
    `verify @m.onnx @out --bind x=@${name}.npy`,
    `compile @m.onnx -o @no --dim batch=1 --quantize int8 --calib @${name}.npy`,
    `verify @m.onnx @out --val @${name}.npy`,
  ]),
  ...['npz', 'csv', 'jsonl', 'idx3-ubyte', 'onnx', 'json'].flatMap((end) => [
    `verify @m.onnx @out --val @empty.${end}`,
    `verify @m.onnx @out --val @none.${end}`,
    `compile @m.onnx -o @no --dim batch=1 --quantize weights --calib @data.npz --val @empty.${end}`,
    `run @out/model.wasm --inputs @empty.${end}`,
  ]),
  ...['empty', 'none', 'm.onnx', 'text.wasm', 'empty.wasm', 'none.wasm', 'folder.onnx/none']
    .flatMap((name) => [
      `run @${name}`,
      `verify @m.onnx @${name}`,
      `bench @${name}`,
      ...(name === 'm.onnx' ? [] : [`inspect @${name}`]),
    ])
    .filter((line) => line !== 'bench @m.onnx'),
  'verify @x.npy @out',
  'verify @m.onnx @out --val @empty',
  'verify @m.onnx @out --val @x.npy --metric top1',
  'verify @m.onnx @out --metric top1',
  'verify @m.onnx @out --bind z=1',
  'verify @m.onnx @out --bind x=@x.npy',
  'verify @m.onnx @out --bind z=@x.npy',
  'verify --cases @empty',
  'verify --cases @none',
  'verify --cases @m.onnx',
  'verify --cases @empty --filter [',
  'run @out/model.wasm --input x=@empty.pb',
  'run @out/model.wasm --input x=@empty.jpg',
  'run @out/model.wasm --input x=@none.jpg',
  'run @out/model.wasm --input x=1',
  'run @out/model.wasm --input x=',
  'run @out/model.wasm --input x',
  'run @out/model.wasm --input =1',
  'run @out/model.wasm --input x=random -o @y.txt',
  'run @out/model.wasm --input x=random --seed -1',
  'run @out/model.wasm --input x=random --seed 1e3',
  'run @out/model.wasm --input x=random --seed 4294967296',
  ...[
    'x',
    'x=1,,8',
    'x=1,a',
    'x=1;8',
    'x=-1,8',
    'x=1.5,8',
    'x=9',
    'x=1,9',
    'z=1,8',
    'x=99999999999999999999,8',
    'x=4294967296,8',
    'x=9007199254740991,8',
    'x=1,8,1',
    '=1',
    'x=',
  ].map((shape) => `compile @m.onnx -o @no --shape ${shape}`),
  ...[
    'batch',
    'batch=',
    'batch=-1',
    'batch=a',
    'batch=1.5',
    'batch=NaN',
    'other=1',
    'batch=1e3',
    'batch=99999999999999999999',
    'batch=4294967296',
  ].map((dim) => `compile @m.onnx -o @no --dim ${dim}`),
  'compile @m.onnx -o @no --dim batch=1 --shape x=2,8',
  'compile @m.onnx -o @no --shape x=1,8 --bind x=@x.npy --dim batch=2',
  ...['0', '-1', 'NaN', '1.5', '1e9', '99999999999999999999', '', 'x'].flatMap((n) => [
    `compile @m.onnx -o @no --dim batch=1 --quantize int8 --calib @data.npz --samples=${n}`,
    `verify @m.onnx @out --samples=${n}`,
    `bench @out --runs=${n}`,
    `bench @out --starts=${n}`,
  ]),
  ...['-1', 'NaN', '1e9', 'x', 'Infinity'].flatMap((n) => [
    `bench @out --warm-up=${n}`,
    `verify @m.onnx @out --atol=${n.replace('1e9', '1e999')}`,
    `compile @m.onnx -o @no --dim batch=1 --quantize weights --calib @data.npz --max-drop=${n.replace('1e9', '1e999%')}`,
  ]),
  'bench @out --engines nothing',
  'bench @out --engines=',
  'bench @out --against nothing --model @m.onnx',
  'bench @out --against onnxruntime-web --model @none.onnx',
  'bench @m.onnx --dim batch=1 --against litert --peer-model tfjs=@empty.tflite',
  'bench @m.onnx --dim other=1',
  'bench @out --name other',
  'bench @m.onnx --name a/b --dim batch=1',
  'inspect @m.onnx --node none',
  'compile @m.onnx',
  'compile -o @no',
  'compile @m.onnx @m.onnx -o @no',
  'compile @m.onnx -o @no --quantize int4',
  'compile @m.onnx -o @no --dim batch=1 --quantize int8',
  'compile @m.onnx -o @no --dim batch=1 --quantize weights --calib random',
  'compile @m.onnx -o @no --dim batch=1 --quantize weights --calib @empty',
  'compil @m.onnx',
  '--nothing',
  '',
]

describe('a mistake', () => {
  it.each(mistakes)('ends in a message: %s', async (line) => {
    const args = line === '' ? [] : line.split(' ').map((word) => word.replaceAll('@', `${folder}/`))
    expect(await attar(...args)).toBe(2)
    const text = err.join('\n')
    expect(text).toMatch(/^(error: |error A\d+ |Usage: )/m)
    expect(text).not.toMatch(/A601|internal|\n +at |undefined|\[object|TypeError|RangeError/)
    expect(text).not.toMatch(/NaN(?!["'])/)
  })
})

describe('--bind with numbers', () => {
  const bound = async (...binds: string[]): Promise<Record<string, { shape: number[]; data: unknown[] }>> => {
    const all = binds.flatMap((bind) => ['--bind', bind])
    const code = await attar('compile', at('many.onnx'), '-o', at('bound'), ...all)
    if (code !== 0) return {}
    expect(await attar('run', at('bound/model.wasm'), '--json')).toBe(0)
    return (JSON.parse(out.join('')) as { outputs: Record<string, { shape: number[]; data: unknown[] }> }).outputs
  }

  it('converts them to the type and the shape of the input', async () => {
    const found = await bound('sr=16000', 'on=true', 'box=0,0.5,1e2,-1', 'n=[-64,63]')
    expect(found).toMatchObject({
      y: { shape: [], data: [0] },
      s: { shape: [], data: [32000] },
      a: { shape: [1, 4], data: [0, 1, 200, -2] },
      z: { shape: [2], data: [-128, 126] },
    })
    const other = await bound('sr=4503599627370497', 'on=0', 'box=[[inf,-inf,nan,.5]]', 'n=1,2')
    expect(other).toMatchObject({ y: { data: [1] }, s: { data: ['9007199254740994'] }, a: { shape: [1, 4] } })
    expect(other.a!.data).toEqual(['Infinity', '-Infinity', 'NaN', 1])
  })

  it.each([
    ['sr=1.5', /not a whole number; the input is i64/],
    ['sr=9223372036854775808', /i64 does not hold/],
    ['sr=true', /not a number; the input is i64/],
    ['on=2', /not true, false, 1 or 0/],
    ['n=128,0', /i8 does not hold 128/],
    ['n=1,2,3', /A106[^]*shape \[3\] does not fit/],
    ['box=[[1,2],[3]]', /not of the same length/],
    ['box=[1,2', /has no end/],
    ['box=1,,2', /not a number or a list/],
    ['sr=16000.npy', /A502[^]*16000\.npy/],
    ['sr=file.txt', /neither .npy nor .pb, nor a number/],
    ['none=1', /A106[^]*no input "none"; it has "on", "sr", "box", "n"/],
  ])('refuses %s', async (bind, message) => {
    await bound(bind)
    expect(err.join('\n')).toMatch(message)
  })

  it('takes numbers as inputs of run, and keeps files', async () => {
    expect(await attar('run', at('out/model.wasm'), '--input', 'x=1,0,0,0,0,0,0,0')).toBe(0)
    expect(out[0]).toMatch(/^y f32\[1,4\] 0\.000000, 0\.8414710/)
    expect(await attar('compile', at('m.onnx'), '-o', at('file'), '--bind', `x=${at('x.npy')}`)).toBe(0)
    expect(await attar('verify', at('m.onnx'), at('file'), '--bind', `x=${at('x.npy')}`)).toBe(0)
    expect(await attar('inspect', at('many.onnx'), '--bind', 'sr=8000')).toBe(0)
  })
})

import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import encodeJpeg, { init as initJpeg } from '@jsquash/jpeg/encode.js'
import { encode as encodePng } from 'fast-png'
import onnxProto from 'onnx-proto'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { readNpz, writeNpy, writeNpz } from '../../compiler/data/index.ts'
import { model, node, stored } from '../onnx/build.ts'
import { writeCase } from '../verify/case-folder.ts'
import { guideTo } from './markdown.ts'

export const digits = readFileSync('examples/digits/digits.onnx')

/** The sample model for one digit at a time. */
export function fixedDigits(): Uint8Array {
  const { onnx } = onnxProto
  const decoded = onnx.ModelProto.decode(digits)
  for (const port of [...decoded.graph!.input!, ...decoded.graph!.output!]) {
    const dims = port.type!.tensorType!.shape!.dim!
    for (const [i, dim] of dims.entries()) if (dim.dimParam) dims[i] = { dimValue: 1 }
  }
  return onnx.ModelProto.encode(decoded).finish()
}

/** A classifier of pictures of any size. */
const pictures = (shape: string) =>
  model({
    inputs: [`image f32[${shape}]`],
    outputs: ['scores f32[?,2]'],
    nodes: [
      node('c = Conv(image, w)', { attributes: { strides: [2, 2] } }),
      'r = Relu(c)',
      'p = GlobalAveragePool(r)',
      node('scores = Flatten(p)'),
    ],
    initializers: [
      stored(
        'w',
        tensorOf(
          'f32',
          [2, 3, 3, 3],
          Array.from({ length: 54 }, (_, i) => ((i * 7) % 13) - 6),
        ),
      ),
    ],
  })

/** A recurrent model of two states. */
export const recurrent = model({
  inputs: ['frame f32[512]', 'h f32[8]', 'c f32[8]'],
  outputs: ['speech f32[1]', 'hn f32[8]', 'cn f32[8]'],
  nodes: [
    'm = ReduceMean(frame)',
    'c1 = Add(c, m)',
    'cn = Add(c1, one)',
    't = Tanh(cn)',
    'hn = Add(h, t)',
    's = ReduceSum(hn)',
    'speech = Reshape(s, shape)',
  ],
  initializers: [stored('one', tensorOf('f32', [], [1])), stored('shape', tensorOf('i64', [1], [1]))],
})

/** A classifier of texts by a table of embeddings. */
const words = model({
  inputs: ['ids i64[1,6]'],
  outputs: ['scores f32[1,2]'],
  nodes: [
    'e = Gather(table, ids)',
    node('m = ReduceMean(e)', { attributes: { axes: [1], keepdims: 0 } }),
    's = MatMul(m, w)',
    'scores = Softmax(s)',
  ],
  initializers: [
    stored(
      'table',
      tensorOf(
        'f32',
        [500, 8],
        Array.from({ length: 4000 }, (_, i) => ((i * 31) % 17) - 8),
      ),
    ),
    stored(
      'w',
      tensorOf(
        'f32',
        [8, 2],
        Array.from({ length: 16 }, (_, i) => ((i * 7) % 5) - 2),
      ),
    ),
  ],
})

/** A classifier of texts, which a tokenizer makes ids of. */
export const texts = model({
  inputs: ['input_ids i64[batch,length]', 'attention_mask i64[batch,length]'],
  outputs: ['scores f32[batch,2]'],
  nodes: [
    'e = Gather(table, input_ids)',
    node('mask = Cast(attention_mask)', { attributes: { to: 1 } }),
    'wide = Unsqueeze(mask, axis)',
    'kept = Mul(e, wide)',
    node('scores = ReduceSum(kept, one)', { attributes: { keepdims: 0 } }),
  ],
  initializers: [
    stored('table', tensorOf('f32', [6, 2], [0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 2, 0])),
    stored('axis', tensorOf('i64', [1], [2n])),
    stored('one', tensorOf('i64', [1], [1n])),
  ],
})

/** Of few words. */
const tokenizer = {
  added_tokens: [],
  normalizer: { type: 'BertNormalizer', lowercase: true },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
  model: { type: 'WordPiece', vocab: { '[PAD]': 0, '[UNK]': 1, '[CLS]': 2, '[SEP]': 3, prize: 4, hello: 5 } },
}

/** A layer of which most weights are zero. */
const zeros = model({
  inputs: ['x f32[1,128]'],
  outputs: ['y f32[1,64]'],
  nodes: ['y = MatMul(x, w)'],
  initializers: [
    stored(
      'w',
      tensorOf(
        'f32',
        [128, 64],
        Array.from({ length: 8192 }, (_, i) => ((i * 7919) % 1000 < 250 ? i + 1 : 0)),
      ),
    ),
  ],
})

/** The whole configuration that a guide has. */
const configOf = (topic: string): string => guideTo(topic).code.find(({ text }) => text.includes('defineConfig'))!.text

/** A detector whose outputs of these shapes are numbers from 0 to 1 times the mean of the picture. */
const detector = (outputs: Readonly<Record<string, readonly number[]>>) =>
  model({
    inputs: ['image f32[1,3,16,16]'],
    outputs: Object.entries(outputs).map(([name, shape]) => `${name} f32[${shape.join(',')}]`),
    nodes: [
      node('m = ReduceMean(image)', { attributes: { keepdims: 0 } }),
      ...Object.keys(outputs).map((name) => `${name} = Mul(m, ${name}_table)`),
    ],
    initializers: Object.entries(outputs).map(([name, shape]) => {
      const count = shape.reduce((product, d) => product * d, 1)
      const values = Array.from({ length: count }, (_, i) => ((i * 37) % 101) / 101)
      return stored(`${name}_table`, tensorOf('f32', shape, values))
    }),
  })

export const yolo = detector({ found: [1, 6, 5] })

/** The `k` greatest of a row. */
const greatest = model({
  inputs: ['x f32[1,200]', 'k i64[1]'],
  outputs: ['values f32[1,?]', 'places i64[1,?]'],
  nodes: [node('values, places = TopK(x, k)', { attributes: { axis: 1 } })],
})

/** Attention to a cache of earlier words. */
const decoder = model(
  {
    inputs: [
      'x f32[1,words,32]',
      'past_key f32[1,1,room,8]',
      'past_value f32[1,1,room,8]',
      'ends i32[1]',
      'total i32[]',
    ],
    outputs: ['y f32[1,words,16]', 'key f32[1,1,room,8]', 'value f32[1,1,room,8]'],
    nodes: [
      node('y, key, value = GroupQueryAttention(x, , , past_key, past_value, ends, total)', {
        ...{ domain: 'com.microsoft', attributes: { num_heads: 2, kv_num_heads: 1 } },
      }),
    ],
  },
  { opsetImport: [{ domain: 'com.microsoft', version: 1 }] },
)

/** The model that a command is about. */
export function modelFor(line: string): Uint8Array {
  if (line.includes('--sparse')) return zeros
  if (line.includes('--tokenizer')) return texts
  if (line.includes('--detect yolov8')) return yolo
  if (line.includes('--detect corners')) return detector({ scores: [1, 5, 2], boxes: [1, 5, 4] })
  if (line.includes('--detect blazeface')) return detector({ scores: [1, 14, 1], boxes: [1, 14, 4] })
  if (line.includes('--bound k')) return greatest
  if (line.includes('--vocabulary')) return words
  if (line.includes('--state past_key')) return decoder
  if (line.includes('--state')) return recurrent
  if (line.startsWith('attar train')) return digits
  if (line.includes('--dim batch=1')) return digits
  if (line.includes('--shape')) return pictures('n,3,h,w')
  return line.includes('photos/') || line.includes('--pixels') ? pictures('1,3,16,16') : fixedDigits()
}

/** Fills a folder with the files that the guides' commands name. */
export async function prepare(at: (...parts: string[]) => string): Promise<void> {
  const { image, y } = readNpz(readFileSync('examples/digits/test.npz'))
  const part = (from: number, to: number) => {
    const data = tensorOf(
      'f32',
      [to - from, 1, 28, 28],
      Array.from(image!.data.subarray(784 * from, 784 * to) as Uint8Array),
    )
    return writeNpz({
      image: data,
      y: tensorOf('u8', [to - from], Array.from(y!.data.subarray(from, to) as Uint8Array)),
    })
  }
  writeFileSync(at('data.npz'), part(0, 60))
  writeFileSync(at('val.npz'), part(60, 120))
  writeFileSync(
    at('image.npy'),
    writeNpy(tensorOf('f32', [1, 1, 28, 28], Array.from(image!.data.subarray(0, 784) as Uint8Array))),
  )
  for (const set of ['train', 'test']) {
    const ids = Array.from({ length: 240 }, (_, i) => BigInt((i * 7) % 40))
    const labels = tensorOf(
      'u8',
      [40],
      Array.from({ length: 40 }, (_, i) => i % 2),
    )
    writeFileSync(at(`${set}.npz`), writeNpz({ ids: tensorOf('i64', [40, 6], ids), y: labels }))
  }
  // The two digits of which a new last layer is to tell which is which.
  const [zeros, ones] = [0, 1].map((digit) =>
    Array.from(y!.data as Uint8Array).flatMap((d, i) => (d === digit ? [i] : [])),
  )
  const two = [...zeros!, ...ones!]
  const rows = two.flatMap((i) => Array.from(image!.data.subarray(784 * i, 784 * (i + 1)) as Uint8Array))
  writeFileSync(
    at('pets.npz'),
    writeNpz({
      image: tensorOf('f32', [two.length, 1, 28, 28], rows),
      y: tensorOf('u8', [two.length], [...zeros!.map(() => 0), ...ones!.map(() => 1)]),
    }),
  )
  for (const set of ['train', 'test']) {
    for (const digit of [0, 1]) {
      mkdirSync(at(set, `${digit}`), { recursive: true })
      for (const i of [zeros!, ones!][digit]!.slice(...(set === 'train' ? [0, 12] : [12, 16]))) {
        const data = image!.data.subarray(784 * i, 784 * (i + 1)) as Uint8Array
        writeFileSync(at(set, `${digit}`, `${i}.png`), encodePng({ width: 28, height: 28, channels: 1, data }))
      }
    }
  }
  writeFileSync(at('names.txt'), 'cat\ndog\n')
  writeFileSync(at('tokenizer.json'), JSON.stringify(tokenizer))
  writeFileSync(at('attar.config.ts'), configOf('train'))
  writeFileSync(at('search.config.ts'), configOf('tune'))
  const pixels = (seed: number) => Uint8Array.from({ length: 768 }, (_, i) => (i * seed) % 256)
  for (const [i, kind] of ['cat', 'dog'].entries()) {
    mkdirSync(at('photos', kind), { recursive: true })
    for (let k = 0; k < 4; k++)
      writeFileSync(
        at('photos', kind, `${k}.png`),
        encodePng({ width: 16, height: 16, channels: 3, data: pixels(31 * i + k + 1) }),
      )
  }
  const rgba = Uint8ClampedArray.from({ length: 1024 }, (_, i) => (i * 13) % 256)
  const picture = { data: rgba, width: 16, height: 16, colorSpace: 'srgb' as const } as ImageData
  await initJpeg(new WebAssembly.Module(readFileSync('node_modules/@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm')))
  writeFileSync(at('cat.jpg'), new Uint8Array(await encodeJpeg(picture)))
  const x = tensorOf('f32', [1, 2], [1, -2])
  writeCase(at('cases', 'relu'), model({ inputs: ['x f32[1,2]'], outputs: ['y f32[1,2]'], nodes: ['y = Relu(x)'] }), [
    { inputs: [x], outputs: [tensorOf('f32', [1, 2], [1, 0])] },
  ])
  // What `npm install` of the package gives.
  mkdirSync(at('node_modules'))
  symlinkSync(resolve('.'), at('node_modules', 'attar'))
  symlinkSync(resolve('node_modules', '@types'), at('node_modules', '@types'))
  mkdirSync(at('bin'))
  writeFileSync(
    at('bin', 'attar'),
    `#!/bin/sh\nexec ${process.execPath} ${resolve('dist/compiler/cli/main.js')} "$@"\n`,
  )
  chmodSync(at('bin', 'attar'), 0o755)
}

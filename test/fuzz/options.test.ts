import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command, Option } from 'commander'
import { beforeAll, describe, expect, it } from 'vitest'
import { codes } from '../../compiler/core/diagnostics/diagnostic.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { writeNpz } from '../../compiler/data/index.ts'
import { programOf } from '../../compiler/cli/program.ts'
import { terminalOn } from '../../compiler/cli/terminal.ts'
import { model, node, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'
import { Random } from '../support/random.ts'

/** FUZZ: how many command lines. FUZZ_SEED: the first seed. */
const count = Number(process.env['FUZZ'] ?? 120)
const first = Number(process.env['FUZZ_SEED'] ?? 1)

const { folder, at, attar, out, err, streams, clear } = commandLine()

const floats = (shape: readonly number[]) =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: shape.reduce((p, d) => p * d, 1) }, (_, i) => Math.sin(i * i)),
  )

/** A classifier of small pictures, with a dimension that must be given. */
const classifier = model({
  inputs: ['x f32[batch,1,4,4]'],
  outputs: ['y f32[batch,3]'],
  nodes: [
    node('c = Conv(x, w)', { attributes: { pads: [1, 1, 1, 1] } }),
    'r = Relu(c)',
    'p = GlobalAveragePool(r)',
    node('f = Flatten(p)', { attributes: { axis: 1 } }),
    's = MatMul(f, v)',
    node('y = Softmax(s)', { attributes: { axis: 1 } }),
  ],
  initializers: [stored('w', floats([8, 1, 3, 3])), stored('v', floats([8, 3]))],
})

beforeAll(async () => {
  const labels = tensorOf(
    'u8',
    [24],
    Array.from({ length: 24 }, (_, i) => i % 3),
  )
  writeFileSync(at('m.onnx'), classifier)
  writeFileSync(at('d.npz'), writeNpz({ x: floats([24, 1, 4, 4]), y: labels }))
  writeFileSync(at('bad.onnx'), classifier.subarray(0, 100))
  writeFileSync(at('empty'), '')
  mkdirSync(at('out'))
  expect(await attar('compile', at('m.onnx'), '-o', at('out'), '--dim', 'batch=1')).toBe(0)
})

/** What starts no server, no browser and no long training. Of trainings, few epochs are drawn. */
const drawn = ['compile', 'run', 'inspect', 'check', 'diff', 'init', 'train', 'augment']
const commands = programOf(terminalOn(streams), () => {}).commands.filter((command) => drawn.includes(command.name()))

const hostile = [
  '',
  '-',
  '--',
  '0',
  '-1',
  '1e999',
  'NaN',
  '99999999999999999999',
  '%',
  '=',
  'x=',
  '=1',
  '../..',
  '\u0000',
  '__proto__',
  'constructor=1',
  '💥',
  '1,2,,3',
]
const likely = [
  '1',
  '2',
  '4',
  '8',
  '50%',
  '1%',
  '60kB',
  '1ms',
  'x=1',
  'batch=1',
  'x=1,1,4,4',
  'y',
  'cat,dog',
  'random',
  'softmax',
  '0.5',
  'size=4kB',
  'w',
]

/** A value for an option: most often one that it takes. */
function valueOf(option: Option, random: Random): string {
  const file = /data|file|model|folder|json|npz/i.test(option.flags)
  if (option.argChoices && random.int(8) > 0) return random.pick(option.argChoices)
  if (file && random.int(4) > 0)
    return at(random.pick(['d.npz', 'd.npz', 'm.onnx', 'empty', 'none', 'out', 'bad.onnx', 'new']))
  return random.pick(random.int(4) === 0 ? hostile : likely)
}

function lineOf(seed: number): string[] {
  const random = new Random(seed)
  const command: Command = random.pick(commands)
  const name = command.name()
  const inputs: Record<string, string[]> = {
    diff: [at('out'), at(random.pick(['out', 'out', 'none']))],
    check: [at(random.pick(['out', 'out', 'empty']))],
    run: [at('out', random.pick(['model.wasm', 'model.relaxed.wasm', 'model.js']))],
    init: [random.pick(['page', 'worker', 'vite', 'site']), at('project'), '--model', at('m.onnx')],
  }
  const model = at(random.pick(['m.onnx', 'm.onnx', 'm.onnx', 'm.onnx', 'bad.onnx', 'none.onnx']))
  const operands = inputs[name] ?? [model]
  const usual: Record<string, string[]> = {
    compile: ['-o', at('new')],
    train: ['-o', at('new'), '--train', at('d.npz'), '--epochs', '1'],
    run: ['--input', `x=${at('d.npz')}`],
  }
  const dims = ['compile', 'init', 'inspect', 'augment'].includes(name) && random.int(6) > 0 ? ['--dim', 'batch=1'] : []
  // A search for a model trains many; times measured take seconds.
  const slow = /^--(train|config|html|engines|max-latency|max-cold-start|help|epochs|workers|sizes|output|layers)$/
  const options = command.options.filter(({ long }) => !slow.test(long!))
  const chosen = Array.from({ length: random.int(4) }, () => random.pick(options))
  const given = chosen.flatMap((option) => {
    const takes = option.required || (option.optional && random.int(2) > 0)
    return takes ? [option.long!, valueOf(option, random)] : [option.long!]
  })
  return [name, ...operands, ...(random.int(8) > 0 ? (usual[name] ?? []) : []), ...dims, ...given]
}

/** All files below a folder, with their sizes and times. */
function filesIn(path: string): string[] {
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => `${file} ${statSync(file).size} ${statSync(file).mtimeMs}`)
    .sort()
}

const batch = 20
const batches = Array.from({ length: Math.ceil(count / batch) }, (_, i) => first + i * batch)

describe('random command lines', () => {
  it.each(batches)('end in a result or a message, from %i on', async (start) => {
    for (let seed = start; seed < Math.min(start + batch, first + count); seed++) {
      const line = lineOf(seed)
      const said = `seed ${seed}: attar ${line.map((word) => JSON.stringify(word)).join(' ')}`
      const before = filesIn(folder)
      clear()
      const code = await attar(...line)
      const text = [...out, ...err].join('\n')
      expect([0, 1, 2], said).toContain(code)
      // A601 is a defect of attar. Codes are those that docs/errors.md lists.
      expect(text, said).not.toContain('A601')
      for (const [found] of text.matchAll(/\bA\d{3}(?= [a-z])/g)) expect(Object.keys(codes), said).toContain(found)
      if (code === 2) {
        expect(text, said).not.toBe('')
        expect(filesIn(folder), `${said}\n${text}`).toEqual(before)
      }
      if (code === 0 && line.includes('--json')) expect(() => JSON.parse(out.join('\n')) as unknown, said).not.toThrow()
      expect(readFileSync(at('m.onnx')).equals(Buffer.from(classifier)), said).toBe(true)
    }
  })
})

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { beforeAll, describe, expect, it } from 'vitest'
import { Repeatable } from '../../compiler/cli/options.ts'
import { preconditions } from '../../compiler/cli/preconditions.ts'
import { programOf } from '../../compiler/cli/program.ts'
import { terminalOn } from '../../compiler/cli/terminal.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { writeNpz } from '../../compiler/data/index.ts'
import { model, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'

const { folder, at, err, streams, attar } = commandLine()

const floats = (shape: number[], count: number) =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: count }, (_, i) => Math.sin(i)),
  )

beforeAll(async () => {
  const spec = { inputs: ['x f32[1,8]'], outputs: ['y f32[1,4]'], nodes: ['y = MatMul(x, w)'] }
  writeFileSync(at('m.onnx'), model({ ...spec, initializers: [stored('w', floats([8, 4], 32))] }))
  writeFileSync(at('data.npz'), writeNpz({ x: floats([30, 8], 240) }))
  mkdirSync(at('pictures'))
  writeFileSync(at('how.json'), '{}')
  expect(await attar('compile', at('m.onnx'), '-o', at('out'))).toBe(0)
})

const commands = (): readonly Command[] => programOf(terminalOn(streams), () => {}).commands

describe('the table of what options need', () => {
  it('has every option of every command and nothing else', () => {
    const listed = commands().map((command) => [command.name(), command.options.map((o) => o.long!.slice(2)).sort()])
    const known = Object.entries(preconditions).map(([name, table]) => [name, Object.keys(table).sort()])
    expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(known))
  })
})

/** An option with a value that its command takes. */
function sample(command: Command, name: string): string[] {
  const option = command.options.find((o) => o.long === `--${name}`)!
  if (!option.required) return [option.long!]
  if (option instanceof Repeatable) return [option.long!, name === 'peer-model' ? 'litert=m.tflite' : 'x=1']
  const texts: Record<string, string> = { preprocess: at('how.json'), resize: 'nearest', fit: 'crop', layout: 'NHWC' }
  const values = {
    ...texts,
    channels: 'BGR',
    val: at('data.npz'),
    calib: at('data.npz'),
    against: 'tfjs',
    html: at('no'),
  }
  return [option.long!, option.argChoices?.[0] ?? (values as Record<string, string>)[name] ?? '1']
}

const pictures = ['preprocess', 'resize', 'fit', 'layout', 'channels', 'scale', 'mean', 'std']

/** Ways to call commands, and which options then mean nothing. */
const calls = (): [command: string, args: string[], refused: string[]][] => {
  const compile = [at('m.onnx'), '-o', at('no')]
  const random = ['--calib', 'random', '--force']
  const [model, folder] = [at('m.onnx'), at('out')]
  // A file may say how rows of ids are filled up, too.
  const ofPictures = pictures.filter((name) => name !== 'preprocess')
  const ofData = ['samples', 'label', 'metric', 'max-drop', 'no-sensitivity', 'seed', 'check-ids', 'force', ...pictures]
  return [
    ['compile', compile, ['state-init', 'bits', 'calib', 'val', 'plan', 'classify', 'detect', 'stream', ...ofData]],
    [
      'compile',
      [...compile, '--shape', 'x=1,8', '--shape', 'x=2,8'],
      ['bound', 'train', 'config', 'emit-onnx', 'prune', 'vocabulary', 'pixels', 'pcm', 'tokenizer'],
    ],
    ['compile', [...compile, '--pcm'], ['pixels']],
    ['compile', [...compile, '--pixels'], ['classes', 'scores', 'box-units', 'anchors', 'variances']],
    ['compile', [...compile, '--tokenizer', at('how.json')], ['pixels', 'pcm', 'classes']],
    ['compile', [...compile, '--vocabulary', at('data.npz'), '--vocabulary-map', at('ids.json')], ['tokenizer']],
    ['compile', [...compile, '--prune', '50%'], ['plan', 'bits', 'unknown', 'vocabulary-map', ...ofData]],
    [
      'compile',
      [...compile, '--vocabulary', at('data.npz')],
      ['calib', 'samples', 'metric', 'no-sensitivity', 'force'],
    ],
    [
      'compile',
      compile,
      ['test', 'no-labels', 'max-size', 'max-latency', 'time', 'epochs', 'learning-rate', 'no-control'],
    ],
    [
      'compile',
      [...compile, '--train', at('data.npz')],
      ['state', 'quantize', 'prune', 'vocabulary', 'calib', 'no-sensitivity', 'check-ids'],
    ],
    ['compile', [...compile, '--quantize', 'weights'], ofData],
    ['compile', [...compile, '--quantize', 'int8', '--calib', at('data.npz')], ['bits', 'force', ...ofPictures]],
    ['compile', [...compile, '--quantize', 'int8', ...random], ['metric', 'max-drop', ...pictures]],
    ['run', [at('out/model.wasm'), '--input', 'x=0,0,0,0,0,0,0,0'], ['seed', 'pair', ...pictures]],
    ['verify', [model, folder], ['filter', 'engine', 'label', 'max-drop', ...pictures]],
    ['verify', [model, folder, '--val', at('data.npz')], ['samples', 'seed', ...ofPictures]],
    ['verify', [model, folder, '--metric', 'mse'], ['atol', 'rtol']],
    [
      'verify',
      ['--cases', at('pictures')],
      ['val', 'bind', 'metric', 'check-ids', 'max-drop', 'samples', 'seed', ...pictures],
    ],
    [
      'train',
      [model, '--emit-step', '-o', at('no')],
      [
        'train',
        'val',
        'test',
        'label',
        'epochs',
        'learning-rate',
        'schedule',
        'accumulate',
        'workers',
        'prune',
        'plan',
        'unknown',
        'quantize',
        'sparsify',
        'average',
        'patience',
        'keep',
        'resume',
        ...pictures,
      ],
    ],
    ['train', [model], ['params']],
    ['tune', [model], ['lease']],
    ['train', [model, '-o', at('no')], ['temperature', 'alpha', 'no-labels']],
    ['inspect', [at('out/model.wasm')], ['node', 'shape', 'dim', 'bind', 'bound', 'plan', 'state', 'state-init']],
    ['inspect', [model], ['state', 'state-init']],
    ['bench', [folder], ['against', 'model', 'peer-model', 'dim', 'bind', 'bound', 'state', 'state-init', 'layers']],
    ['bench', [model], ['state-init', 'plan']],
    ['bench', [model, '--against', 'tfjs'], ['model', 'peer-model']],
    ['bench', [model, '--layers'], ['name', 'engines', 'runs', 'starts', 'warm-up', 'html', 'against']],
    ['bench', [at('out/model.wasm')], ['name', 'layers']],
    ['check', [folder], ['dim', 'bind', 'bound', 'state', 'state-init']],
    ['check', [model], ['state-init']],
    ['check', [at('out/model.wasm')], ['name']],
  ]
}

describe('an option that would have no effect', () => {
  it.each([
    ['scale', 2, 'pictures'],
    ['rate', 8000, 'sounds'],
  ])('may stand in a file: %s', async (name, value, kind) => {
    writeFileSync(at('wrong.json'), JSON.stringify({ [name]: value }))
    const how = ['--preprocess', at('wrong.json')]
    const data = at('data.npz')
    for (const call of [
      ['compile', at('m.onnx'), '-o', at('no'), '--quantize', 'int8', '--calib', data],
      ['verify', at('m.onnx'), at('out'), '--val', data],
    ]) {
      err.length = 0
      expect(await attar(...call, ...how), call.join(' ')).toBe(2)
      expect(err.join('\n')).toMatch(new RegExp(`A501[^]*${name}: has no effect on data that is not ${kind}`))
    }
  })

  it('is a usage error that says what is missing, whichever it is', async () => {
    const refused = new Set<string>()
    for (const [name, args, options] of calls()) {
      const command = commands().find((each) => each.name() === name)!
      for (const option of options) {
        const all = [name, ...args, ...sample(command, option)]
        err.length = 0
        expect(await attar(...all), all.join(' ')).toBe(2)
        expect(err[0]).toMatch(/^error: --[a-z-]+ has no effect (with|without|on|beside) ./)
        expect(err[0]).toContain(`--${option} has`)
        refused.add(`${name} --${option}`)
      }
    }
    const conditional = Object.entries(preconditions).flatMap(([command, table]) =>
      Object.keys(table).flatMap((name) => ([table[name]!].flat().length > 0 ? [`${command} --${name}`] : [])),
    )
    expect([...refused].sort()).toEqual(conditional.sort())
    expect(readdirSync(folder)).not.toContain('no')
  })

  it('is one that another replaces', async () => {
    expect(await attar('compile', at('m.onnx'), '-o', at('no'), '--name', 'a', '--name', 'b')).toBe(2)
    expect(err[0]).toBe('error: --name is given twice')
    err.length = 0
    expect(await attar('run', at('out/model.wasm'), '--input', 'x=1', '--input', 'x=2')).toBe(2)
    expect(err[0]).toMatch(/^error: option '--input <name=value>'.*"x" is given twice/)
    err.length = 0
    expect(await attar('bench', at('out'), '--engines', 'node,node')).toBe(2)
    expect(err[0]).toContain('"node" is named twice')
    expect(await attar('compile', at('m.onnx'), '-o', at('no'), '--no-sensitivity', '--no-sensitivity')).toBe(2)
    expect(err.join()).toContain('--no-sensitivity is given twice')
  })

  it('is arrays that are no inputs', async () => {
    const args = ['--inputs', at('data.npz'), '--input', 'x=0,0,0,0,0,0,0,0']
    expect(await attar('run', at('out/model.wasm'), ...args)).toBe(2)
    expect(err.join()).toContain('has no input that the module takes')
  })
})

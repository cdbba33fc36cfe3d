import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { stateHint, likelyStates, type NamedType } from '../../compiler/cli/state-hint.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { readNpy, writeNpy, writeNpz } from '../../compiler/data/index.ts'
import { importModel, type ModuleSpec, type Report } from '../../compiler/index.ts'
import { model, node, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'

const values = (count: number, scale: number) => Array.from({ length: count }, (_, i) => Math.sin(i * i + 1) * scale)

/** An Elman network whose next state stands before its output. `gain` is what the state alone is multiplied by. */
const network = (gain: number): Uint8Array =>
  model({
    inputs: ['x f32[1,8]', 'h f32[1,8]', 'n i64[1]'],
    outputs: ['hn f32[1,8]', 'y f32[1,4]', 'n_out i64[1]'],
    nodes: [
      'a = MatMul(x, w)',
      'b = MatMul(h, u)',
      's = Add(a, b)',
      'hn = Tanh(s)',
      'y = MatMul(h, v)',
      'n_out = Add(n, n)',
    ],
    initializers: [
      stored('w', tensorOf('f32', [8, 8], values(64, 0.4))),
      stored('u', tensorOf('f32', [8, 8], values(64, 0.3 * gain))),
      stored('v', tensorOf('f32', [8, 4], values(32, 1))),
    ],
  })
const start = tensorOf('f32', [1, 8], values(8, 0.5))
const frames = tensorOf('f32', [40, 8], values(320, 1))

const { folder, at, out, err, clear, attar, json } = commandLine()

const states = ['--state', 'h=hn', '--state', 'n=n_out']
beforeAll(async () => {
  writeFileSync(at('m.onnx'), network(1))
  writeFileSync(at('other.onnx'), network(2))
  writeFileSync(at('h.npy'), writeNpy(start))
  writeFileSync(at('data.npz'), writeNpz({ x: frames }))
  writeFileSync(at('steps.npz'), writeNpz({ x: { ...frames, shape: [40, 1, 8] } }))
  const args = ['-o', at('out'), ...states, '--state-init', `h=${at('h.npy')}`, '--state-init', 'n=3']
  expect(await attar('compile', at('m.onnx'), ...args), err.join()).toBe(0)
})

/** The output `y` of the frames in their order, by the evaluator. */
function chained(count: number, h: Tensor): number[] {
  const { graph } = importModel(network(1), {})
  return Array.from({ length: count }, (_, i) => {
    const x = tensorOf('f32', [1, 8], toNumbers(frames).slice(8 * i, 8 * i + 8))
    const { hn, y } = evaluate(graph, { x, h, n: tensorOf('i64', [1], [3]) })
    h = hn!
    return toNumbers(y!)
  }).flat()
}

describe('compile --state', () => {
  it('names the states and their bytes, in what it prints and in report.json', async () => {
    expect(await attar('compile', at('m.onnx'), '-o', at('o1'), ...states)).toBe(0)
    expect(out.join('\n')).toMatch(/memory .* states 48, /)
    expect(out.join('\n')).toMatch(
      /^state +32 +bytes: "h", which each run sets to output "hn"\nstate +8 +bytes: "n", which each run sets to output "n_out"$/m,
    )
    expect(err.join()).not.toContain('hint')
    const { compilation } = JSON.parse(readFileSync(at('o1/report.json'), 'utf8')) as { compilation: Report }
    expect(compilation.state).toBe(48)
    expect(compilation.states).toEqual([
      { input: 'h', output: 'hn', bytes: 32 },
      { input: 'n', output: 'n_out', bytes: 8 },
    ])
    out.length = 0
    expect(await attar('inspect', at('o1/model.wasm'))).toBe(0)
    expect(out.join('\n')).toMatch(/^state +h +f32\[1,8\] +at \d+, which each run sets to output "hn"$/m)
  })

  it('goes with --inline and a name', async () => {
    expect(await attar('compile', at('m.onnx'), '-o', at('o2'), '--inline', '--name', 'rnn', ...states)).toBe(0)
    const script = (await import(at('o2/rnn.js'))) as {
      instantiate(): { run(x: object): { y: Float32Array }; reset(): void; state: Record<string, Float32Array> }
    }
    const model = script.instantiate()
    model.state['h'] = Float32Array.from(toNumbers(start))
    const x = toNumbers(frames).slice(0, 8)
    model.run({ x }).y.forEach((value, i) => expect(value).toBeCloseTo(chained(1, start)[i]!, 5))
    model.reset()
    expect(Array.from(model.run({ x }).y)).toEqual([0, 0, 0, 0])
  })

  it.each([
    [['--state', 'z=hn'], 'A106', 'the model has no input "z"; it has "x", "h", "n"', 'INPUT=OUTPUT'],
    [['--state', 'h=z'], 'A106', 'the model has no output "z"; it has "hn", "y", "n_out"', 'INPUT=OUTPUT'],
    [['--state', 'hn=h'], 'A106', '"hn" is an output and "h" an input', 'the input comes first: h=hn'],
    [['--state', 'h=y'], 'A106', 'the input is f32[1,8], the output f32[1,4]', 'its own type and shape'],
    [['--state', 'h=n_out'], 'A106', 'the input is f32[1,8], the output i64[1]', 'its own type and shape'],
    [['--state', 'h=hn', '--state', 'x=hn'], 'A106', '"h" becomes "hn" already', 'two outputs'],
    [['--state', 'h=hn', '--bind', 'h=@h.npy'], 'A106', '"h" is bound to a constant', '--state-init'],
    [[...states, '--state-init', 'h=1,2'], 'A106', 'state "h" is f32[2], the input f32[1,8]', 'type and shape'],
    [['--state', 'n=n_out', '--state-init', 'n=@h.npy'], 'A106', 'state "n" is f32[1,8], the input i64[1]', 'type and'],
    [['--state', 'n=n_out', '--state-init', 'h=@h.npy'], 'A106', '"h", which is no state; states are "n"', 'INPUT='],
    [['--state', 'n=n_out', '--state-init', 'z=1'], 'A106', 'no input "z"; it has "x", "h", "n"', ''],
    [['--state', 'n=n_out', '--state-init', 'n=@absent.npy'], 'A502', 'absent.npy', ''],
  ])('refuses %j', async (args, code, message, hint) => {
    const named = args.map((arg) => arg.replace('@', `${folder}/`))
    for (const more of [[], ['--quantize', 'int8', '--calib', at('absent.npz')]]) {
      err.length = 0
      expect(await attar('compile', at('m.onnx'), '-o', at('no'), ...named, ...more)).toBe(2)
      expect(err.join('\n')).toContain(`error ${code}`)
      expect(err.join('\n')).toContain(message)
      expect(err.join('\n')).toContain(hint)
    }
  })

  it.each([
    [['--state-init', 'h=1'], '--state-init has no effect without --state'],
    [['--state', 'h'], 'NAME=VALUE'],
    [['--state', 'h=hn', '--state', 'h=y'], '"h" is given twice'],
  ])('refuses the options %j', async (args, message) => {
    expect(await attar('compile', at('m.onnx'), '-o', at('no'), ...args)).toBe(2)
    expect(err.join('\n')).toContain(message)
  })

  it('says everything that is wrong at once', async () => {
    const wrong = ['--state', 'h=y', '--state', 'q=hn', '--state', 'n=z']
    expect(await attar('compile', at('m.onnx'), '-o', at('no'), ...wrong, '--json')).toBe(2)
    expect((json()['diagnostics'] as unknown[]).length).toBe(3)
  })

  it('refuses outputs whose length depends on data, and strings', async () => {
    const found = { inputs: ['x f32[4]', 'h i64[1,4]'], outputs: ['hn i64[1,n]', 'y f32[4]'] }
    writeFileSync(at('found.onnx'), model({ ...found, nodes: ['hn = NonZero(x)', 'y = Neg(x)'] }))
    expect(await attar('compile', at('found.onnx'), '-o', at('no'), '--state', 'h=hn')).toBe(2)
    expect(err.join('\n')).toContain('the output i64[1,4] of a length that depends on data')
    // The count that an output of such a length has beside it is no output of the model.
    const names = /no output "q"; it has "hn", "y"\n/
    err.length = 0
    expect(await attar('compile', at('found.onnx'), '-o', at('no'), '--state', 'h=q')).toBe(2)
    expect(err.join('\n')).toMatch(names)
    const labels = { keys_int64s: [1, 2], values_strings: { strings: ['a', 'b'] }, default_string: '?' }
    const encoder = node('t = LabelEncoder(x)', { domain: 'ai.onnx.ml', attributes: labels })
    const ports = { inputs: ['x i64[1]', 'k i32[1]'], outputs: ['t', 'y i32[1]'] }
    const opsetImport = [
      { domain: '', version: 17 },
      { domain: 'ai.onnx.ml', version: 2 },
    ]
    writeFileSync(at('strings.onnx'), model({ ...ports, nodes: [encoder, 'y = Neg(k)'] }, { opsetImport }))
    err.length = 0
    expect(await attar('compile', at('strings.onnx'), '-o', at('no'), '--state', 'k=t')).toBe(2)
    expect(err.join('\n')).toContain('state k=t: they are strings')
  })
})

describe('run of a module with states', () => {
  it('takes the other inputs and starts at the start', async () => {
    const x = toNumbers(frames).slice(0, 8).join()
    for (let i = 0; i < 2; i++) {
      out.length = 0
      expect(await attar('run', at('out/model.wasm'), '--input', `x=${x}`, '--json')).toBe(0)
      const { y } = json()['outputs'] as Record<string, { shape: number[]; data: number[] }>
      expect(Object.keys(json()['outputs'] as object)).toEqual(['y'])
      expect(y!.shape).toEqual([1, 4])
      y!.data.forEach((value, k) => expect(value).toBeCloseTo(chained(1, start)[k]!, 5))
    }
    expect(await attar('run', at('out/model.wasm'), '--input', `x=${x}`, '--input', `h=${at('h.npy')}`)).toBe(2)
    expect(err.join()).toContain('the module has no input "h"; it has "x"')
  })

  it('carries them over several runs, whose outputs come together', async () => {
    expect(await attar('run', at('out/model.wasm'), '--inputs', at('steps.npz'), '-o', at('y.npy')), err.join()).toBe(0)
    const y = readNpy(readFileSync(at('y.npy')), '')
    expect(y.shape).toEqual([40, 1, 4])
    const expected = chained(40, start)
    toNumbers(y).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4))
  })

  it('refuses inputs of other numbers of runs, and what is no run', async () => {
    const pair = model({ inputs: ['a f32[2]', 'b f32[2]'], outputs: ['y f32[2]'], nodes: ['y = Sub(a, b)'] })
    writeFileSync(at('pair.onnx'), pair)
    expect(await attar('compile', at('pair.onnx'), '-o', at('pair'))).toBe(0)
    const run = (a: string, b: string, ...more: string[]): Promise<number> => {
      clear()
      return attar('run', at('pair/model.wasm'), '--input', `a=${a}`, '--input', `b=${b}`, ...more)
    }
    expect(await run('[[1,2],[3,4]]', '[1,1]', '--json')).toBe(0)
    expect(json()).toEqual({ outputs: { y: { dtype: 'f32', shape: [2, 2], data: [0, 1, 2, 3] } } })
    expect(await run('[[1,2],[3,4]]', '[[1,1],[1,1],[1,1]]')).toBe(2)
    expect(err.join()).toContain('input "a" holds 2 runs, "b" 3')
    for (const bad of ['1', '[1,2,3]', '[[1],[2],[3]]', '[[[1,2],[3,4]]]']) {
      expect(await run(bad, '[1,1]'), bad).toBe(2)
      expect(err.join()).toContain('the module takes f32[2]')
    }
  })
})

describe('verify of a module with states', () => {
  it('compares steps of one sequence, the states too', async () => {
    for (const data of [[], ['--val', at('data.npz')]]) {
      out.length = 0
      expect(await attar('verify', at('m.onnx'), at('out'), ...data, '--json'), err.join()).toBe(0)
      const { variants } = json() as { variants: { outputs: { output: string; status: string }[] }[] }
      for (const { outputs } of variants) expect(outputs.map(({ output }) => output)).toEqual(['y', 'hn', 'n_out'])
    }
    out.length = 0
    expect(await attar('verify', at('m.onnx'), at('out'), '--val', at('data.npz'))).toBe(0)
    expect(out.join('\n')).toContain('40 runs against onnxruntime-web, as steps of one sequence: each keeps h, n')
  })

  it('fails where the first step is right and states go wrong', async () => {
    const one = writeNpz({ x: { ...frames, shape: [1, 8], data: frames.data.subarray(0, 8) } })
    writeFileSync(at('one.npz'), one)
    const verify = (...args: string[]): Promise<number> =>
      attar('verify', at('other.onnx'), at('out'), ...args, '--json')
    await verify('--val', at('one.npz'))
    const found = (json() as { variants: { outputs: { output: string; status: string }[] }[] }).variants[0]!.outputs
    expect(found.map(({ output, status }) => [output, status])).toEqual([
      ['y', 'pass'],
      ['hn', 'fail'],
      ['n_out', 'pass'],
    ])
    out.length = 0
    expect(await verify('--val', at('data.npz'))).toBe(1)
    const later = (json() as { variants: { outputs: { output: string; status: string }[] }[] }).variants[0]!.outputs
    expect(later.map(({ status }) => status)).toEqual(['fail', 'fail', 'pass'])
  })

  it('refuses a state as a constant', async () => {
    expect(await attar('verify', at('m.onnx'), at('out'), '--bind', `h=${at('h.npy')}`)).toBe(2)
    expect(err.join()).toContain('"h" is a state of the module')
  })
})

describe('compile --state --quantize', () => {
  it('carries states along the data, which has none, and judges by an output that stays', async () => {
    const args = ['--quantize', 'int8', '--calib', at('data.npz'), '--samples', '20', '--metric', 'mse', '--json']
    expect(await attar('compile', at('m.onnx'), '-o', at('q'), ...states, ...args), err.join()).toBe(0)
    const { spec, report } = json() as unknown as { spec: ModuleSpec; report: Report }
    expect(spec.inputs.map(({ name }) => name)).toEqual(['x'])
    expect(spec.states!.map(({ name, next }) => [name, next])).toEqual([
      ['h', 'hn'],
      ['n', 'n_out'],
    ])
    expect(report.quantization!.layers).toHaveLength(3)
    expect(report.quantization!.accuracy!.samples).toBe(20)
    // Two of the three read the state, which is 0 where it is not carried.
    for (const { inputs } of report.quantization!.layers) expect(inputs[0]!.high).toBeGreaterThan(0.2)
    out.length = 0
    expect(await attar('verify', at('m.onnx'), at('q'), '--val', at('data.npz')), out.join()).toBe(0)
    const others = ['--quantize', 'int8', '--calib', 'random', '--force', '--samples', '5', '--val', at('data.npz')]
    out.length = 0
    expect(await attar('compile', at('m.onnx'), '-o', at('q2'), ...states, ...others, '--json'), err.join()).toBe(0)
    expect((json() as unknown as { report: Report }).report.quantization!.accuracy!.samples).toBe(40)
  })
})

describe('the hint', () => {
  const f = (name: string, ...shape: (number | string)[]): NamedType => ({ name, dtype: 'f32', shape })
  it.each([
    ['state', 'stateN'],
    ['h', 'hn'],
    ['h0', 'hn'],
    ['c_0', 'c_n'],
    ['h_in', 'h_out'],
    ['conv_cache', 'conv_cache_out'],
    ['cache_last_channel', 'cache_last_channel_next'],
    ['past_key', 'present_key'],
    ['past_key_values.0.key', 'present.0.key'],
    ['input_states_1', 'output_states_1'],
    ['prevState', 'nextState'],
    ['hidden', 'new_hidden'],
    ['initial_h', 'final_h'],
  ])('says that %s becomes %s', (input, output) => {
    const pairs = likelyStates([f('x', 1, 4), f(input, 2, 8)], [f('y', 1), f(output, 2, 8)])
    expect(pairs).toEqual([{ input, output }])
    expect(stateHint(pairs)).toEqual([expect.stringContaining(`--state ${input}=${output}`)])
  })

  it.each([
    ['other types', [f('x', 1), f('h', 2, 8)], [{ ...f('hn', 2, 8), dtype: 'f16' }]],
    ['other shapes', [f('x', 1), f('h', 2, 8)], [f('hn', 2, 9)]],
    ['other ranks', [f('x', 1), f('h', 2, 8)], [f('hn', 16)]],
    ['other names', [f('x', 1), f('h', 2)], [f('hidden', 2), f('cn', 2), f('y', 2), f('out', 2)]],
    ['nothing in common', [f('z', 1), f('input', 2)], [f('output', 2)]],
    ['no other input', [f('image', 2)], [f('image_out', 2)]],
    ['lengths of data', [f('x', 1), f('h', 2)], [{ ...f('hn', 2), extents: [{ axis: 0, address: 4 }] }]],
    ['strings', [f('x', 1), { ...f('h', 2), labels: ['a'] }], [f('hn', 2)]],
  ])('says nothing of %s', (_, inputs, outputs) => {
    expect(likelyStates(inputs, outputs)).toEqual([])
    expect(stateHint([])).toEqual([])
  })

  it('takes each output once, unknown dimensions for any, and quotes names for the shell', () => {
    const inputs = [f('x', 1), f("h's a", 2, 'N'), f('h', 2, 8), f('h_in', 2, 8)]
    const pairs = likelyStates(inputs, [f("h's a_out", 2, 4), f('h_out', 2, 8)])
    expect(pairs.map(({ input, output }) => `${input}=${output}`)).toEqual(["h's a=h's a_out", 'h=h_out'])
    expect(stateHint(pairs)[0]).toMatch(/ --state 'h'\\''s a=h'\\''s a_out' --state h=h_out$/)
    expect(stateHint([{ input: 'h', output: 'h=n' }])).toEqual([])
  })

  it('stays quiet, and quick, on thousands of inputs', () => {
    const many = (end: string) => Array.from({ length: 20_000 }, (_, i) => f(`h${i}${end}`, 1))
    expect(likelyStates([f('x', 1), ...many('')], many('_out'))).toEqual([])
    expect(likelyStates([f('x', 1), f('h'.repeat(1e6), 1)], [f(`${'h'.repeat(1e6)}_out`, 1)])).toEqual([])
  })

  it('is one line of compile and inspect, with options that compile takes', async () => {
    expect(await attar('compile', at('m.onnx'), '-o', at('h1'))).toBe(0)
    const [line] = err.filter((text) => text.includes('hint'))
    expect(line).toMatch(/^hint: [^\n]* --state h=hn --state n=n_out$/)
    expect(await attar('inspect', at('m.onnx'))).toBe(0)
    expect(out.join('\n').split('\n').at(-1)).toBe(line)
    out.length = 0
    expect(await attar('inspect', at('m.onnx'), '--json')).toBe(0)
    expect(json()['likelyStates']).toEqual([
      { input: 'h', output: 'hn' },
      { input: 'n', output: 'n_out' },
    ])
    err.length = 0
    const options = line!.slice(line!.indexOf('--state')).split(' ')
    expect(await attar('compile', at('m.onnx'), '-o', at('h2'), ...options)).toBe(0)
    expect(err.join()).not.toContain('hint')
    expect(await attar('compile', at('m.onnx'), '-o', at('h3'), ...options.slice(0, 2))).toBe(0)
    expect(err.join('\n')).toMatch(/ with --state n=n_out$/)
  })

  it('is there where dimensions have no size yet', async () => {
    const open = { inputs: ['x f32[B,4]', 'h f32[B,4]'], outputs: ['y f32[B,4]', 'h_out f32[n,4]'] }
    writeFileSync(at('open.onnx'), model({ ...open, nodes: ['h_out = Add(x, h)', 'y = Neg(h_out)'] }))
    expect(await attar('inspect', at('open.onnx'))).toBe(0)
    expect(out.join('\n')).toMatch(/ --state h=h_out$/)
  })
})

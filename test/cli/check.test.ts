import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { readBudget } from '../../compiler/cli/check/budget.ts'
import { checksOf, type Timing } from '../../compiler/cli/check/checks.ts'
import type { Facts } from '../../compiler/cli/check/facts.ts'
import { bytes, timeLimit } from '../../compiler/cli/check/limits.ts'
import { platformNames, platforms, type Platform } from '../../compiler/cli/check/platforms.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { model, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'

const { at, out, err, attar, json, clear } = commandLine()

const dense = model({
  inputs: ['x f32[1,8]'],
  outputs: ['y f32[1,4]'],
  nodes: ['y = MatMul(x, w)'],
  initializers: [
    stored(
      'w',
      tensorOf(
        'f32',
        [8, 4],
        Array.from({ length: 32 }, (_, i) => i % 5),
      ),
    ),
  ],
})

beforeAll(async () => {
  writeFileSync(at('dense.onnx'), dense)
  expect(await attar('compile', at('dense.onnx'), '-o', at('out'))).toBe(0)
  expect(await attar('compile', at('dense.onnx'), '-o', at('inline'), '--inline')).toBe(0)
  expect(await attar('compile', at('dense.onnx'), '-o', at('relaxed'), '--target', 'relaxed-simd')).toBe(0)
})

interface Shown {
  readonly check: string
  readonly of: string
  readonly value: number | string
  readonly passed: boolean
}
const shown = (): Shown[] => json()['checks'] as Shown[]
const failures = (): string[] => shown().flatMap(({ check, of, passed }) => (passed ? [] : [`${check} of ${of}`]))

describe('limits of size and memory', () => {
  it('are of the script and the larger module, kept to the byte', async () => {
    const files = ['model.js', 'model.relaxed.wasm'].map((file) => readFileSync(at('out', file)))
    const baseline = readFileSync(at('out/model.wasm'))
    const larger = [files[0]!, files[1]!.length > baseline.length ? files[1]! : baseline]
    const raw = larger.reduce((sum, file) => sum + file.length, 0)
    const gzip = larger.reduce((sum, file) => sum + gzipSync(file, { level: 9 }).length, 0)
    expect(await attar('check', at('out'), '--max-size', `${raw}`, '--max-gzip', `${gzip}`, '--json')).toBe(0)
    expect(shown().map(({ value }) => value)).toEqual([raw, gzip])
    clear()
    expect(await attar('check', at('out'), '--max-size', `${raw - 1}`, '--max-gzip', `${gzip - 1}`, '--json')).toBe(1)
    expect(failures()).toEqual(['size of --max-size', 'gzip of --max-gzip'])
    clear()
    expect(await attar('check', at('out/model.wasm'), '--max-memory', '64KiB', '--max-brotli', '1B')).toBe(1)
    expect(out.join('\n')).toMatch(/memory +--max-memory +65,536 B +65,536 B +ok/)
    expect(out.join('\n')).toMatch(/brotli +--max-brotli .*FAILED/)
    expect(out.at(-1)).toContain('1 of 2 checks failed')
  })

  it('are of an ONNX model too, which is compiled, and of a script with its module inside', async () => {
    expect(await attar('check', at('dense.onnx'), '--max-memory', '64KiB', '--max-size', '1B', '--json')).toBe(1)
    expect(failures()).toEqual(['size of --max-size'])
    clear()
    const script = readFileSync(at('inline/model.js'))
    expect(await attar('check', at('inline'), '--max-size', `${script.length}`, '--json')).toBe(0)
    expect(json()['download']).toMatchObject({ files: ['model.js'], sizes: { raw: script.length } })
  })

  it.each([
    ['60kB', 60_000],
    ['64KiB', 65_536],
    ['1.5 MB', 1_500_000],
    ['1700', 1700],
    ['17B', 17],
  ])('may be written %s', (text, value) => expect(bytes(text)).toBe(value))

  it.each([
    ['5ms', { unit: 'ms', max: 5 }],
    ['300us', { unit: 'ms', max: 0.3 }],
    ['2s', { unit: 'ms', max: 2000 }],
    ['40x', { unit: 'x', max: 40 }],
  ])('of time may be written %s', (text, value) => expect(timeLimit(text)).toEqual(value))

  it.each(['', '60', '5 minutes', '-1ms'])('of time may not be written "%s"', (text) =>
    expect(() => timeLimit(text)).toThrow('is not a time'),
  )
})

describe('limits of time', () => {
  it('are of each engine, in milliseconds and against the calibration loop', async () => {
    const quick = ['--runs', '2', '--starts', '1', '--warm-up', '0', '--json', '--junit', at('j.xml')]
    // No model takes no time, and none an hour.
    const limits = ['--max-latency', '0x', '--max-cold-start', '3600s']
    expect(await attar('check', at('out'), ...limits, ...quick)).toBe(1)
    expect(new Set(failures())).toEqual(new Set(['latency of --max-latency']))
    const timings = json()['timings'] as Timing[]
    expect(timings.length).toBeGreaterThan(0)
    for (const { coldStart, latency } of timings)
      for (const value of [coldStart.ms, coldStart.x, latency.ms, latency.x]) expect(value).toBeGreaterThan(0)
    const xml = readFileSync(at('j.xml'), 'utf8')
    expect(xml).toContain(`tests="${2 * timings.length}" failures="${timings.length}"`)
    expect(xml.match(/<failure message="latency is /g)).toHaveLength(timings.length)
  })

  const facts: Facts = {
    name: 'm',
    download: { files: ['m.js', 'm.wasm'], sizes: { raw: 3e6, gzip: 2e6, brotli: 1e6 } },
    memory: 2 ** 20,
    targets: ['simd'],
    moduleBytes: 9e6,
    inline: false,
    script: 'export const x = 1',
  }
  const timing: Timing = { engine: 'e', version: '1', coldStart: { ms: 8, x: 200 }, latency: { ms: 11, x: 30 } }

  it('count in the unit that they are given in', () => {
    const limits = { maxColdStart: timeLimit('8ms'), maxLatency: timeLimit('29x') }
    expect(checksOf(facts, limits, [], [timing]).map(({ value, passed }) => [value, passed])).toEqual([
      [8, true],
      [30, false],
    ])
  })

  it('are those of platforms, which also say what form they take', () => {
    const failed = (name: (typeof platformNames)[number], more: Partial<Facts> = {}): string[] =>
      checksOf({ ...facts, ...more }, {}, [name], [timing]).flatMap(({ check, passed }) => (passed ? [] : [check]))
    expect(failed('workers-free')).toEqual(['latency'])
    expect(failed('workers-paid')).toEqual([])
    expect(failed('workers-paid', { inline: true, script: 'eval("1")' })).toEqual(['module', 'code from text'])
    expect(failed('vercel-edge', { targets: ['relaxed-simd'] })).toEqual(['gzip', 'instructions'])
    expect(failed('deno-deploy', { memory: 2 ** 30 })).toEqual(['memory'])
    expect(failed('fastly', { inline: true })).toEqual(['module'])
    expect(failed('page-csp')).toEqual([])
    expect(failed('page-csp', { inline: true })).toEqual(['synchronous compile'])
    expect(failed('audio-worklet', { targets: ['relaxed-simd'] })).toEqual(['latency', 'instructions'])
  })

  it.each(platformNames)('of %s have a source and the day it was read', (name) => {
    const { limits, ...platform }: Platform = platforms[name]
    const forms = Object.values(platform).map((form) => ('source' in form ? form.source : form))
    const sources = [...limits.map(({ source }) => source), ...forms]
    for (const { url, read } of sources) expect(`${url} ${read}`).toMatch(/^https:\/\/\S+ .*read \d{4}-\d\d-\d\d$/)
  })
})

describe('platforms', () => {
  it('refuse what attar compiled in another form, and say what to do', async () => {
    expect(await attar('check', at('relaxed'), '--target', 'page-csp')).toBe(1)
    expect(out.join('\n')).toContain('compile for --target simd or both')
    clear()
    expect(await attar('check', at('out'), '--target', 'page-csp,vercel-edge,deno-deploy', '--json')).toBe(0)
    expect(shown().map(({ of }) => of)).toContain('deno-deploy')
  })
})

describe('a budget', () => {
  it('may stand in a file, which options override', async () => {
    writeFileSync(at('budget.json'), JSON.stringify({ maxSize: '1B', maxMemory: 65536, target: ['page-csp'] }))
    expect(await attar('check', at('out'), '--budget', at('budget.json'), '--json')).toBe(1)
    expect(failures()).toEqual(['size of --max-size'])
    expect(json()['budget']).toBe(at('budget.json'))
    clear()
    expect(await attar('check', at('out'), '--budget', at('budget.json'), '--max-size', '1MB', '--json')).toBe(0)
  })

  it('is looked for in the current folder, in its own file before the package’s', async () => {
    const folder = at('project')
    mkdirSync(folder)
    expect(await readBudget(undefined, folder)).toEqual({ budget: {} })
    writeFileSync(at('project/package.json'), JSON.stringify({ name: 'p' }))
    expect(await readBudget(undefined, folder)).toEqual({ budget: {} })
    writeFileSync(at('project/package.json'), JSON.stringify({ attar: { check: { maxLatency: '4x' } } }))
    expect((await readBudget(undefined, folder)).budget).toEqual({ maxLatency: { unit: 'x', max: 4 } })
    writeFileSync(at('project/attar.check.json'), JSON.stringify({ maxGzip: '1kB' }))
    expect((await readBudget(undefined, folder)).budget).toEqual({ maxGzip: 1000 })
    rmSync(folder, { recursive: true })
  })

  it.each([
    ['{', 'A502', 'is not JSON'],
    ['[]', 'A501', 'has no budget'],
    [
      '{"maxSice":"1kB"}',
      'A501',
      'maxSice: there is no such field; did you mean "maxSize"? There are maxSize, maxGzip',
    ],
    ['{"maxSize":10}', 'A501', 'needs a unit: 10kB, or 10B'],
    ['{"maxSize":"1 cow"}', 'A501', 'It is not a size'],
    ['{"maxSize":{}}', 'A501', 'neither a text nor a number'],
    ['{"target":"moon"}', 'A501', 'There is no platform "moon"'],
  ])('is refused where it is %s', async (text, code, message) => {
    writeFileSync(at('wrong.json'), text)
    expect(await attar('check', at('out'), '--budget', at('wrong.json'))).toBe(2)
    expect(err.join('\n')).toContain(code)
    expect(err.join('\n')).toContain(message)
  })
})

describe('mistakes', () => {
  it.each([
    [['--max-size', '10'], 'needs a unit: 10kB, or 10B'],
    [['--max-size', '1 cow'], 'is invalid. It is not a size'],
    [['--target', 'moon'], 'There is no platform "moon"'],
    [['--max-size', '1kB', '--runs', '3'], '--runs has no effect without a limit of time'],
    [['--max-size', '1kB', '--engines', 'node'], '--engines has no effect without a limit of time'],
    [['--max-latency', '1x', '--engines', 'netscape'], 'there is no engine "netscape"'],
    [[], 'there is nothing to check'],
  ])('exit with 2: %j', async (args, message) => {
    expect(await attar('check', at('out'), ...args)).toBe(2)
    expect(err.join('\n')).toContain(message)
  })
})

describe('the GitHub Action', () => {
  const action = readFileSync('action.yml', 'utf8')
  const [, indented] = /\n {6}run: \|\n([^]*)$/.exec(action)!
  const script = indented!.replaceAll(/^ {8}/gm, '')

  /** The step as a runner takes it, with this checkout for the package. */
  const step = (limits: string) => {
    mkdirSync(at('bin'), { recursive: true })
    const command = `#!/bin/sh\n[ "$1 $2" = '--yes attar@9.9.9' ] || exit 9\nshift 2\nexec ${process.execPath} ${resolve('dist/compiler/cli/main.js')} "$@"\n`
    writeFileSync(at('bin/npx'), command)
    chmodSync(at('bin/npx'), 0o755)
    for (const file of ['summary', 'output']) writeFileSync(at(file), '')
    const { status } = spawnSync('bash', ['--noprofile', '--norc', '-e', '-o', 'pipefail', '-c', script], {
      cwd: at(),
      env: {
        PATH: `${at('bin')}${delimiter}${process.env['PATH']}`,
        ...{ ATTAR_MODEL: 'out', ATTAR_LIMITS: limits, ATTAR_JUNIT: 'action.xml', ATTAR_VERSION: '9.9.9' },
        ...{ GITHUB_STEP_SUMMARY: at('summary'), GITHUB_OUTPUT: at('output') },
      },
    })
    return { status, summary: readFileSync(at('summary'), 'utf8'), output: readFileSync(at('output'), 'utf8') }
  }

  it('passes its inputs on by the environment alone', () => {
    expect(script).not.toContain('${{')
    for (const name of ['model', 'limits', 'junit', 'version']) expect(action).toContain(`: \${{ inputs.${name} }}`)
  })

  it('ends as the command does, with the table in the summary', () => {
    const good = step('--max-size 1MB  --target page-csp')
    expect(good).toMatchObject({ status: 0, output: 'passed=true\n' })
    expect(good.summary).toMatch(/^```\n[^]*all 3 checks passed\n```\n$/)
    expect(readFileSync(at('action.xml'), 'utf8')).toContain('tests="3" failures="0"')
    const bad = step('--max-size 1B')
    expect(bad).toMatchObject({ status: 1, output: 'passed=false\n' })
    expect(bad.summary).toContain('FAILED')
    expect(step('--max-size')).toMatchObject({ status: 2, output: 'passed=false\n', summary: '' })
  })
})

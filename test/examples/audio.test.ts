import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findExecutable } from '../../compiler/bench/engines/process.ts'
import { wav } from '../support/wav.ts'
import { voice } from './voice.ts'
import { compileExample, serveFolder } from '../support/example.ts'

const example = 'examples/audio'
const folder = mkdtempSync(join(tmpdir(), 'attar-audio-'))
const at = (...parts: string[]): string => join(folder, ...parts)
afterAll(() => rmSync(folder, { recursive: true }))
const executablePath =
  findExecutable('/usr/bin/chromium', 'chromium', 'chromium-browser', 'google-chrome') ??
  [chromium.executablePath()].find(existsSync)

let server: Awaited<ReturnType<typeof serveFolder>>
let browser: Browser
const heard = 48000

beforeAll(async () => {
  for (const file of ['index.html', 'page.js', 'worklet.js', 'style.css'])
    cpSync(`${example}/${file}`, at('page', file))
  await compileExample(example, at('page/out'))
  server = await serveFolder(at('page'))
  // What the microphone hears, over and over: two seconds of a voice and two of a tone.
  const tone = Array.from({ length: 2 * heard }, (_, i) => 0.2 * Math.sin((2 * Math.PI * 880 * i) / heard))
  writeFileSync(at('heard.wav'), wav([...voice(2, heard), ...tone], { rate: heard }))
  const microphone = [
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
    `--use-file-for-fake-audio-capture=${at('heard.wav')}`,
  ]
  if (executablePath)
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', ...microphone] })
})
afterAll(async () => {
  await browser?.close()
  server.close()
})

describe.skipIf(executablePath === undefined)('the page that hears speech', () => {
  it.each([
    [1280, 'light'],
    [390, 'dark'],
  ] as const)('tells a voice from a tone at the microphone, %i pixels wide and %s', async (width, colorScheme) => {
    const page = await browser.newPage({ viewport: { width, height: 844 }, colorScheme })
    const problems: string[] = []
    page.on('pageerror', (error) => problems.push(error.message))
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
    await page.goto(server.url)
    await page.getByText('Not listening.').waitFor()
    const listen = page.getByRole('button')
    await listen.click()
    await page.getByText('Somebody is speaking.').waitFor()
    expect(await listen.textContent()).toBe('Stop')
    await page.getByText('Nobody is speaking.').waitFor()
    await page.getByText('Somebody is speaking.').waitFor()
    expect(Number(await page.getByRole('meter').getAttribute('aria-valuenow'))).toBeGreaterThan(0)
    // Both kinds of sound stand in the picture, in the colours of the legend.
    const painted = await page.evaluate(() => {
      const canvas = document.querySelector('canvas')!
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height)
      const colours = new Set<string>()
      for (let i = 0; i < data.length; i += 4)
        if (data[i + 3] === 255) colours.add(`rgb(${data[i]}, ${data[i + 1]}, ${data[i + 2]})`)
      return ['speech', 'other'].map((id) =>
        colours.has(getComputedStyle(document.getElementById(id)!).backgroundColor),
      )
    })
    expect(painted).toEqual([true, true])
    // Where somebody wants to look at it.
    const folder = process.env['ATTAR_SCREENSHOTS']
    if (folder) await page.screenshot({ path: `${folder}/audio-${width}-${colorScheme}.png`, fullPage: true })
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
    await listen.click()
    await page.getByText('Not listening.').waitFor()
    expect(problems).toEqual([])
    await page.close()
  })

  it('has a worklet that gives the model 16 kHz of any rate', async () => {
    const page = await browser.newPage()
    await page.goto(server.url)
    const means = (rate: number, samples: readonly number[]): Promise<number> =>
      page.evaluate(
        async ([rate, samples]) => {
          const module = await WebAssembly.compileStreaming(fetch('out/model.wasm'))
          const audio = new OfflineAudioContext(1, samples.length, rate)
          await audio.audioWorklet.addModule('worklet.js')
          const node = new AudioWorkletNode(audio, 'voice', { numberOfOutputs: 0, processorOptions: { module } })
          const speech: number[] = []
          node.port.onmessage = ({ data }: MessageEvent<{ speech: number }>) => speech.push(data.speech)
          const source = audio.createBufferSource()
          source.buffer = audio.createBuffer(1, samples.length, rate)
          source.buffer.getChannelData(0).set(samples)
          source.connect(node)
          source.start()
          await audio.startRendering()
          const frames = Math.floor(((samples.length / rate) * 16000) / 512) - 1
          while (speech.length < frames) await new Promise((later) => setTimeout(later, 10))
          return speech.reduce((sum, p) => sum + p, 0) / speech.length
        },
        [rate, samples] as const,
      )
    for (const rate of [16000, 44100, 48000]) {
      const mean = await means(rate, voice(2, rate))
      expect(mean, `a voice at ${rate} Hz`).toBeGreaterThan(0.6)
    }
    const tone = Array.from({ length: 44100 }, (_, i) => 0.3 * Math.sin((2 * Math.PI * 880 * i) / 44100))
    expect(await means(44100, tone), 'a tone').toBeLessThan(0.1)
    // Above half of 16 kHz there is nothing for the model to hear.
    const shrill = voice(2, 48000).map((x, i) => x * Math.cos((2 * Math.PI * i) / 3))
    expect(await means(48000, shrill), 'a voice around 16 kHz').toBeLessThan(0.1)
    await page.close()
  })
})

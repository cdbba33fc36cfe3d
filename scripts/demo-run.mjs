// One fresh process of the demo: runs the compiled digits model on the test digits and prints measurements as JSON.
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { readNpz } from '../dist/compiler/data/index.js'

const [folder] = process.argv.slice(2)
const rounds = 5
const { instantiate, target } = await import(pathToFileURL(`${folder}/model.js`))
const bytes = readFileSync(`${folder}/${target === 'simd' ? 'model.wasm' : 'model.relaxed.wasm'}`)
const { image, y } = readNpz(readFileSync('examples/digits/test.npz'))
const size = image.data.length / y.data.length
const images = Array.from(y.data, (_, i) => Float32Array.from(image.data.subarray(i * size, (i + 1) * size)))
/** Peak of the process so far, in bytes. */
const peak = () => process.resourceUsage().maxRSS * 1024
const before = peak()

const start = performance.now()
const model = instantiate(bytes)
model.run({ image: images[0] })
const cold = performance.now() - start

const answer = (probabilities) => probabilities.indexOf(Math.max(...probabilities))
const right = images.filter((digit, i) => answer(model.run({ image: digit }).probabilities) === y.data[i]).length
const times = []
for (let round = 0; round < rounds; round++) {
  for (const digit of images) {
    const from = performance.now()
    model.run({ image: digit })
    times.push(performance.now() - from)
  }
}
const latency = times.sort((a, b) => a - b)[times.length >> 1]
const instance = model.inputs.image.buffer.byteLength
const result = {
  target,
  right,
  digits: images.length,
  cold,
  latency,
  runs: times.length,
  instance,
  before,
  peak: peak(),
}
console.log(JSON.stringify(result))

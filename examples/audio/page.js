import { target } from './out/model.js'

const element = (id) => document.getElementById(id)
const [button, canvas] = [element('listen'), element('past')]
const painter = canvas.getContext('2d')
const keys = [element('speech'), element('other')]

/** Frames of the last 10 seconds: { speech, level }, the oldest first. */
const shown = Math.round((10 * 16000) / 512)
const past = []

/** Speech begins above the higher probability and ends below the lower one, when it has stayed there for some frames. */
const [begins, ends, patience] = [0.5, 0.35, 8]
let speaking = false
let quiet = 0

/** Compiled here, once: an audio worklet cannot fetch, and should not compile while it plays. */
const module = await WebAssembly.compileStreaming(
  fetch(target === 'relaxed-simd' ? 'out/model.relaxed.wasm' : 'out/model.wasm'),
).catch(failed('The model cannot be loaded.'))

function failed(answer) {
  return (error) => {
    element('answer').textContent = answer
    element('note').textContent = error.message
    throw error
  }
}

function hear({ speech, level }) {
  past.push({ speech, level })
  if (past.length > shown) past.shift()
  quiet = speech < ends ? quiet + 1 : 0
  if (speech > begins) speaking = true
  else if (quiet >= patience) speaking = false
  const percent = Math.round(100 * speech)
  element('answer').textContent = speaking ? 'Somebody is speaking.' : 'Nobody is speaking.'
  element('share').textContent = `${percent} %`
  element('meter').style.setProperty('--share', `${percent}%`)
  element('meter').setAttribute('aria-valuenow', percent)
  element('meter').classList.toggle('speech', speaking)
  past.at(-1).speaking = speaking
  draw()
}

function draw() {
  const { width, height } = canvas
  const [spoken, other] = keys.map((key) => getComputedStyle(key).backgroundColor)
  painter.clearRect(0, 0, width, height)
  const step = width / shown
  for (const [i, { level, speaking }] of past.entries()) {
    // From -60 dB.
    const loud = Math.max(0.01, 1 + Math.log10(Math.max(level, 1e-6)) / 3)
    painter.fillStyle = speaking ? spoken : other
    const bar = Math.min(1, loud) * height
    painter.fillRect((shown - past.length + i) * step, (height - bar) / 2, Math.max(1, step - 1), bar)
  }
}

let stop
async function listen() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } })
  const audio = new AudioContext()
  let isOver = false
  stop = () => {
    isOver = true
    for (const track of stream.getTracks()) track.stop()
    return audio.close()
  }
  await audio.audioWorklet.addModule('worklet.js')
  // A compiled module may go to another thread; this one's audio context alone instantiates it.
  const node = new AudioWorkletNode(audio, 'voice', { numberOfOutputs: 0, processorOptions: { module } })
  node.onprocessorerror = () => failed('The model has stopped.')(new Error('The audio worklet failed.'))
  node.port.onmessage = ({ data }) => {
    // Some messages are still on their way when it is stopped.
    if (!isOver) hear(data)
  }
  audio.createMediaStreamSource(stream).connect(node)
  element('note').textContent = `The microphone gives ${audio.sampleRate.toLocaleString('en')} samples a second.`
}

button.addEventListener('click', async () => {
  button.disabled = true
  if (stop) {
    await stop()
    stop = undefined
    ;[speaking, quiet] = [false, 0]
    element('answer').textContent = 'Not listening.'
    element('note').textContent = ''
  } else {
    await listen().catch(async (error) => {
      await stop?.()
      stop = undefined
      element('answer').textContent = 'There is no microphone to listen to.'
      element('note').textContent = error.message
    })
  }
  button.textContent = stop ? 'Stop' : 'Listen'
  button.disabled = false
})
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw)

element('answer').textContent = 'Not listening.'
button.disabled = false
draw()

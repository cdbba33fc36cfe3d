import { load, spec } from './out/model.js'

const [, , height, width] = spec.inputs[0].shape
const classes = spec.outputs[0].shape[1]

const element = (id) => document.getElementById(id)
const canvas = element('drawing')
const context = canvas.getContext('2d')

/** The strokes of the drawing: lists of points [x, y] in pixels of the canvas. */
let strokes = []

const bars = Array.from({ length: classes }, (_, digit) => {
  const [name, value, bar, share] = ['dt', 'dd', 'span', 'span'].map((tag) => document.createElement(tag))
  name.textContent = digit
  bar.className = 'bar'
  share.className = 'share'
  value.append(bar, share)
  element('bars').append(name, value)
  return { value, bar, share }
})

const model = await load().catch((error) => {
  element('answer').textContent = 'The model cannot be loaded.'
  element('note').textContent = error.message
  throw error
})

/** Lines through the strokes, moved and scaled. */
function trace(to, { scale, x, y, width }) {
  to.lineWidth = width
  to.lineCap = to.lineJoin = 'round'
  for (const points of strokes) {
    to.beginPath()
    points.forEach(([px, py], i) => to[i === 0 ? 'moveTo' : 'lineTo'](px * scale + x, py * scale + y))
    // A point alone is a dot.
    if (points.length === 1) to.lineTo(points[0][0] * scale + x + 0.01, points[0][1] * scale + y)
    to.stroke()
  }
}

function redraw() {
  context.clearRect(0, 0, canvas.width, canvas.height)
  context.strokeStyle = getComputedStyle(canvas).color
  trace(context, { scale: 1, x: 0, y: 0, width: 26 })
}

/** A canvas of the model's size with the drawing on it, its ink in a box of 20 × 20, moved by some pixels. */
function small(dx, dy) {
  const points = strokes.flat()
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)]
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const scale = Math.min(18 / Math.max(right - left, bottom - top, 1), 0.2)
  const to = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
  to.strokeStyle = '#fff'
  const middle = { x: (width - scale * (left + right)) / 2 + dx, y: (height - scale * (top + bottom)) / 2 + dy }
  trace(to, { scale, ...middle, width: 2.2 })
  const { data } = to.getImageData(0, 0, width, height)
  return Float32Array.from({ length: width * height }, (_, i) => data[4 * i + 3])
}

/** The drawing as the digits are that the model has learned from (MNIST): the middle of the ink in the middle of the picture. */
function picture() {
  const ink = small(0, 0)
  let [sum, x, y] = [0, 0, 0]
  ink.forEach((value, i) => {
    sum += value
    x += value * ((i % width) + 0.5)
    y += value * (Math.floor(i / width) + 0.5)
  })
  return small(width / 2 - x / sum, height / 2 - y / sum)
}

/** Shows what the model reads in what is drawn now. */
function answer() {
  const isEmpty = strokes.length === 0
  element('clear').disabled = isEmpty
  let probabilities
  if (!isEmpty) {
    const image = picture()
    const begin = performance.now()
    ;({ probabilities } = model.run({ image }))
    const milliseconds = performance.now() - begin
    // Browsers' clocks are no finer.
    element('note').textContent =
      milliseconds < 0.1 ? 'Read in under 0.1 ms.' : `Read in ${milliseconds.toFixed(1)} ms.`
  }
  const best = probabilities?.indexOf(Math.max(...probabilities))
  for (const [digit, { value, bar, share }] of bars.entries()) {
    const percent = probabilities && 100 * probabilities[digit]
    bar.style.setProperty('--share', `${percent ?? 0}%`)
    share.textContent = percent === undefined ? '–' : `${Math.round(percent)} %`
    value.classList.toggle('best', digit === best)
  }
  if (isEmpty) element('note').textContent = ''
  element('answer').textContent = isEmpty ? 'Draw something.' : `This is ${best}.`
}

/** Where a pointer is, in pixels of the canvas. */
function place({ clientX, clientY }) {
  const { left, top, width, height } = canvas.getBoundingClientRect()
  return [((clientX - left) / width) * canvas.width, ((clientY - top) / height) * canvas.height]
}

let pointer
canvas.addEventListener('pointerdown', (event) => {
  if (pointer !== undefined || event.button !== 0) return
  pointer = event.pointerId
  canvas.setPointerCapture(pointer)
  strokes.push([place(event)])
  redraw()
  answer()
})
canvas.addEventListener('pointermove', (event) => {
  if (event.pointerId !== pointer) return
  const events = event.getCoalescedEvents?.() ?? []
  strokes.at(-1).push(...(events.length > 0 ? events : [event]).map(place))
  redraw()
  answer()
})
for (const type of ['pointerup', 'pointercancel'])
  canvas.addEventListener(type, (event) => {
    if (event.pointerId === pointer) pointer = undefined
  })
element('clear').addEventListener('click', () => {
  strokes = []
  redraw()
  answer()
})
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw)

answer()

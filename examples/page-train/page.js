import { load as loadPrediction } from './out/predict.js'
import { load as loadStep } from './out/step.js'

const side = 28
const pixels = side * side
/** Steps after each drawing: all that the milliseconds allow, but never fewer or more than these. */
const [leastSteps, mostSteps, budget] = [4, 20, 60]
const learningRate = 0.001

const element = (id) => document.getElementById(id)
const canvas = element('drawing')
const context = canvas.getContext('2d')

/** The strokes of the drawing: lists of points [x, y] in pixels of the canvas. */
let strokes = []
/** What was taught: pictures and their classes, 0 for A and 1 for B. */
let examples = []

const [step, prediction] = await Promise.all([loadStep(), loadPrediction()])
const batch = step.inputs.weight.length

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
  trace(context, { scale: 1, x: 0, y: 0, width: 22 })
}

/** The drawing as the model's digits are: 28 × 28 pixels of 0 to 255, the ink in a box of 20 × 20 in the middle. */
function picture() {
  const points = strokes.flat()
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)]
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const scale = Math.min(18 / Math.max(right - left, bottom - top, 1), 0.2)
  const small = new OffscreenCanvas(side, side).getContext('2d', { willReadFrequently: true })
  small.strokeStyle = '#fff'
  const middle = { x: side / 2 - (scale * (left + right)) / 2, y: side / 2 - (scale * (top + bottom)) / 2 }
  trace(small, { scale, ...middle, width: 2.2 })
  const { data } = small.getImageData(0, 0, side, side)
  return Float32Array.from({ length: pixels }, (_, i) => data[4 * i + 3])
}

/** `image`, moved by a pixel or not at all. */
function moved(image) {
  const [dx, dy] = [Math.floor(Math.random() * 3) - 1, Math.floor(Math.random() * 3) - 1]
  const shift = dy * side + dx
  // The border is empty, so that nothing comes in at the other side.
  return image.map((_, i) => image[i - shift] ?? 0)
}

/** Some steps of training on what was taught, each class as often as the other. */
function train() {
  const classes = [0, 1].map((label) => examples.filter((example) => example.label === label))
  if (classes.some((of) => of.length === 0)) return undefined
  const begin = performance.now()
  const { image, target, weight } = step.inputs
  let [steps, loss] = [0, 0]
  while (steps < leastSteps || (steps < mostSteps && performance.now() - begin < budget)) {
    for (let row = 0; row < batch; row++) {
      const of = classes[row % 2]
      image.set(moved(of[Math.floor(Math.random() * of.length)].image), row * pixels)
      target[row] = row % 2
      weight[row] = 1
    }
    step.inputs.learningRate[0] = learningRate
    loss = step.run().loss[0]
    steps++
  }
  for (const name in prediction.state) prediction.state[name] = step.state[name]
  return { steps, loss, milliseconds: performance.now() - begin }
}

const isTaught = () => [0, 1].every((label) => examples.some((example) => example.label === label))

/** Shows the answer for what is drawn now. */
function answer() {
  const isEmpty = strokes.length === 0
  const shares = isEmpty ? undefined : prediction.run({ image: picture() }).probabilities
  for (const [i, name] of ['a', 'b'].entries()) {
    const share = shares && `${Math.round(100 * shares[i])} %`
    element(`share-${name}`).textContent = share ?? '–'
    element(`bar-${name}`).style.setProperty('--share', shares ? `${100 * shares[i]}%` : '0%')
    element(`is-${name}`).disabled = isEmpty
  }
  element('clear').disabled = isEmpty
  element('forget').disabled = examples.length === 0
  const best = shares && (shares[0] >= shares[1] ? 'A' : 'B')
  element('answer').textContent = isEmpty ? 'Draw something.' : isTaught() ? `This is ${best}.` : 'I cannot know yet.'
}

function clear() {
  strokes = []
  redraw()
  answer()
}

function teach(label) {
  const image = picture()
  examples.push({ image, label })
  const name = 'ab'[label]
  const small = document.createElement('canvas')
  small.width = small.height = side
  small.setAttribute('role', 'img')
  small.setAttribute('aria-label', `Example of ${'AB'[label]}`)
  small.getContext('2d').putImageData(
    new ImageData(
      Uint8ClampedArray.from({ length: 4 * pixels }, (_, i) => (i % 4 === 3 ? 255 : image[i >> 2])),
      side,
    ),
    0,
    0,
  )
  element(`examples-${name}`).append(small)
  element(`count-${name}`).textContent = examples.filter((example) => example.label === label).length
  const done = train()
  element('note').textContent = done
    ? `Learned in ${done.milliseconds.toFixed(0)} ms: ${done.steps} steps, loss ${done.loss.toPrecision(2)}.`
    : `Kept. Now draw ${label === 0 ? 'a B' : 'an A'}.`
  clear()
}

function forget() {
  examples = []
  step.reset()
  prediction.reset()
  for (const name of ['a', 'b']) {
    element(`examples-${name}`).replaceChildren()
    element(`count-${name}`).textContent = 0
  }
  element('note').textContent = 'Forgotten. Draw an A first.'
  answer()
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

element('is-a').addEventListener('click', () => teach(0))
element('is-b').addEventListener('click', () => teach(1))
element('clear').addEventListener('click', clear)
element('forget').addEventListener('click', forget)
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw)

answer()

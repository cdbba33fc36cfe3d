import { load, spec } from './out/model.js'

const element = (id) => document.getElementById(id)
const [drop, file, photo, hint] = ['drop', 'file', 'photo', 'hint'].map(element)
const [input] = spec.inputs
const [, height, width] = input.shape
const { classes, scale, mean, std } = modelSays()
const model = await load()

/** What the model's file says of its classes, and of how a picture becomes its input. */
function modelSays() {
  const read = (key) => JSON.parse(spec.metadata[key] ?? '{}')
  const { scale = 1 / 255, mean = [0], std = [1] } = read('preprocess')
  return { classes: read('classes'), scale, mean: [mean].flat(), std: [std].flat() }
}

/** The middle of the picture as a square, in the model's pixels, and larger for people. */
function squared(image) {
  const side = Math.min(image.width, image.height)
  const [x, y] = [(image.width - side) / 2, (image.height - side) / 2]
  const shown = photo.getContext('2d')
  shown.imageSmoothingQuality = 'high'
  shown.drawImage(image, x, y, side, side, 0, 0, photo.width, photo.height)
  const small = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
  small.imageSmoothingQuality = 'high'
  small.drawImage(photo, 0, 0, width, height)
  return small.getImageData(0, 0, width, height).data
}

async function show(blob) {
  let image
  try {
    image = await createImageBitmap(blob)
  } catch {
    element('answer').value = 'This file is not a picture that the browser can read.'
    return
  }
  const rgba = squared(image)
  const values = model.inputs[input.name]
  for (let i = 0, to = 0; i < rgba.length; i++) {
    const channel = i % 4
    if (channel === 3) continue
    values[to++] = (rgba[i] * scale - mean[channel % mean.length]) / std[channel % std.length]
  }
  const start = performance.now()
  const [scores] = Object.values(model.run())
  const time = performance.now() - start
  tell([...scores], time)
}

function tell(scores, time) {
  const best = scores.indexOf(Math.max(...scores))
  const percent = (share) => `${(100 * share).toFixed(0)} %`
  element('answer').value = `A ${classes[best]}: ${percent(scores[best])}`
  hint.hidden = true
  element('bars').replaceChildren(
    ...scores.flatMap((score, i) => {
      const [name, value, bar] = ['dt', 'dd', 'span'].map((tag) => document.createElement(tag))
      name.textContent = classes[i]
      bar.className = 'bar'
      bar.style.setProperty('--share', percent(score))
      value.append(bar, percent(score))
      return [name, value]
    }),
  )
  element('note').textContent = `The model took ${time.toFixed(2)} ms.`
}

file.addEventListener('change', () => file.files[0] && show(file.files[0]))
for (const type of ['dragover', 'drop'])
  document.addEventListener(type, (event) => {
    event.preventDefault()
    drop.classList.toggle('over', type === 'dragover')
    const [dropped] = type === 'drop' ? event.dataTransfer.files : []
    if (dropped) show(dropped)
  })
document.addEventListener('dragleave', () => drop.classList.remove('over'))
file.disabled = false
element('answer').value = 'Ready.'

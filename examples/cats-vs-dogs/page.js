import { load } from './out/model.js'

const element = (id) => document.getElementById(id)
const [drop, file, photo, hint, answer] = ['drop', 'file', 'photo', 'hint', 'answer'].map(element)
/** Photos are read at no more than this many pixels along their longer side: the model looks at few. */
const mostPixels = 512
const percent = (share) => `${(100 * share).toFixed(0)} %`
const model = await load()

/** The pixels of a picture, which stands on the page in the meantime. */
function pixelsOf(image) {
  const scale = Math.min(1, mostPixels / Math.max(image.width, image.height))
  photo.width = Math.max(1, Math.round(image.width * scale))
  photo.height = Math.max(1, Math.round(image.height * scale))
  const context = photo.getContext('2d', { willReadFrequently: true })
  context.imageSmoothingQuality = 'high'
  context.drawImage(image, 0, 0, photo.width, photo.height)
  return context.getImageData(0, 0, photo.width, photo.height)
}

async function show(blob) {
  let image
  try {
    image = await createImageBitmap(blob)
  } catch {
    answer.value = 'The browser cannot read this file as a picture.'
    return
  }
  const pixels = pixelsOf(image)
  const start = performance.now()
  const classes = model.classify(pixels)
  const time = performance.now() - start
  hint.hidden = true
  answer.value = `A ${classes[0].label}: ${percent(classes[0].score)}`
  element('bars').replaceChildren(...classes.flatMap(row))
  element('note').textContent = `Resizing and the model took ${time.toFixed(1)} ms.`
}

function row({ label, score }) {
  const [name, value, bar] = ['dt', 'dd', 'span'].map((tag) => document.createElement(tag))
  name.textContent = label
  bar.className = 'bar'
  bar.style.setProperty('--share', `${100 * score}%`)
  value.append(bar, percent(score))
  return [name, value]
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
answer.value = 'Ready.'

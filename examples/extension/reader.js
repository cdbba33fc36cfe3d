import { load } from './out/model.js'

/** Once for the popup, and once each time that the browser starts the service worker, which has no await outside of functions. */
const model = load()

/** The digits that a picture file may show, the likeliest first: [{ label, score }]. */
export async function read(blob) {
  const bitmap = await createImageBitmap(blob)
  const { width, height } = bitmap
  const context = new OffscreenCanvas(width, height).getContext('2d')
  // Behind pictures that let something through is paper.
  context.fillStyle = '#fff'
  context.fillRect(0, 0, width, height)
  context.drawImage(bitmap, 0, 0)
  bitmap.close()
  return (await model).classify(bright(context.getImageData(0, 0, width, height)))
}

/** The model knows bright ink on a dark ground: ink on paper is turned around. */
function bright(picture) {
  const { data } = picture
  let sum = 0
  for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2]
  if (sum > (data.length / 4) * 3 * 128)
    for (let i = 0; i < data.length; i += 4) for (let k = i; k < i + 3; k++) data[k] = 255 - data[k]
  return picture
}

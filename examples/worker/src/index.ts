import { instantiate, spec } from '../out/model.js'
import wasm from '../out/model.relaxed.wasm'

// Once for each isolate, not for each request.
const model = instantiate(wasm)
const [, , height, width] = spec.inputs[0].shape

const refuse = (status: number, error: string): Response => Response.json({ error }, { status })

export default {
  /** Reads a handwritten digit: a picture's bytes, row by row, from 0 (paper) to 255 (ink). */
  async fetch(request: Request): Promise<Response> {
    if (request.method !== 'POST') return refuse(405, 'POST a picture')
    const pixels = new Uint8Array(await request.arrayBuffer())
    if (pixels.length !== width * height)
      return refuse(400, `a picture has ${width} × ${height} bytes, got ${pixels.length}`)
    const { probabilities } = model.run({ image: Float32Array.from(pixels) })
    const digit = probabilities.indexOf(Math.max(...probabilities))
    return Response.json({ digit, probability: probabilities[digit] })
  },
}

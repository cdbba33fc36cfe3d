// @ts-types="./out/model.d.ts"
import { instantiate, spec } from './out/model.js'

const [, , height, width] = spec.inputs[0].shape
const size = height * width

// The script carries the module: there is nothing to read or fetch, and no permission to ask for.
const model = instantiate()

const failure = (status: number, error: string): Response => Response.json({ error }, { status })

export default {
  /** Answers a POST of a picture, a byte for each pixel: 0 for paper, 255 for ink. */
  async fetch(request: Request): Promise<Response> {
    if (request.method !== 'POST') return failure(405, `POST a picture of ${height} × ${width} bytes`)
    const body = await request.arrayBuffer()
    if (body.byteLength !== size)
      return failure(400, `a picture has ${height} × ${width} bytes, got ${body.byteLength}`)
    // Nothing is awaited from here on, so that no other request runs in between.
    const { probabilities } = model.run({ image: Float32Array.from(new Uint8Array(body)) })
    const digit = probabilities.indexOf(Math.max(...probabilities))
    return Response.json({ digit, probability: probabilities[digit] })
  },
} satisfies Deno.ServeDefaultExport

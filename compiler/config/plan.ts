import * as v from 'valibot'

const amount = v.pipe(v.number(), v.minValue(0), v.finite())
const text = v.pipe(v.string(), v.maxLength(1000))

/** What a file holds that `attar bench --layers --plan` writes. */
const planSchema = v.object({
  attar: text,
  target: v.picklist(['simd', 'relaxed-simd']),
  /** What it was measured in and on. */
  engine: text,
  machine: text,
  runMs: v.pipe(amount, v.gtValue(0)),
  kernels: v.array(v.object({ kernel: text, nodes: v.array(v.string()), macs: amount, ms: amount })),
})

/** Times of a compiled model's kernels on one machine. */
export type PlanFile = v.InferOutput<typeof planSchema>

/** A plan from the text of its file; undefined where it is none. */
export function parsePlan(text: string): PlanFile | undefined {
  try {
    return v.parse(planSchema, JSON.parse(text))
  } catch {
    return undefined
  }
}

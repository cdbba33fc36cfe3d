import { instantiate } from './out/model.js'

/** What the model listens to: frames of 512 samples at 16 kHz, each behind the last 64 of the frame before. */
const [rate, context, frame] = [16000, 64, 512]
/** The filter's reach in zero crossings, and steps of its table between two of them. */
const [crossings, steps] = [12, 256]

/** A windowed sinc, for offsets from 0 in units of zero crossings. */
const kernel = Float32Array.from({ length: crossings * steps + 1 }, (_, i) => {
  const x = (Math.PI * i) / steps
  return i === 0 ? 1 : (Math.sin(x) / x) * Math.cos(x / crossings / 2) ** 2
})

class VoiceProcessor extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super()
    this.model = instantiate(processorOptions.module)
    this.samples = new Float32Array(context + frame)
    this.filled = context
    // Zero crossings for each sample that comes in: below half of the lower rate.
    this.cutoff = 0.95 * Math.min(1, rate / sampleRate)
    this.reach = Math.ceil(crossings / this.cutoff)
    this.past = new Float32Array(2 * this.reach + 1)
    /** How far the next sample of the model is from the middle of `past`, in samples that come in. */
    this.distance = 0
  }

  /** Takes a sample of the sound card. */
  take(sample) {
    this.past.copyWithin(0, 1)
    this.past[this.past.length - 1] = sample
    for (this.distance -= 1; this.distance < 0; this.distance += sampleRate / rate) {
      let [sum, weights] = [0, 0]
      for (let i = 0; i < this.past.length; i++) {
        const weight = kernel[Math.round(Math.abs(i - this.reach - this.distance - 1) * this.cutoff * steps)] ?? 0
        sum += weight * this.past[i]
        weights += weight
      }
      this.hear(sum / weights)
    }
  }

  /** Takes a sample at 16 kHz. */
  hear(sample) {
    this.samples[this.filled++] = sample
    if (this.filled < this.samples.length) return
    const { output } = this.model.run({ input: this.samples })
    let energy = 0
    for (let i = context; i < this.samples.length; i++) energy += this.samples[i] ** 2
    this.port.postMessage({ speech: output[0], level: Math.sqrt(energy / frame) })
    this.samples.copyWithin(0, frame)
    this.filled = context
  }

  process([[channel]]) {
    // Without a source there is none.
    for (const sample of channel ?? []) this.take(sample)
    return true
  }
}

registerProcessor('voice', VoiceProcessor)

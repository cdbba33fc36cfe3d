// Draws a stand-in set of cats and dogs, so that the example runs without photos: node make-pictures.mjs [count] [folder]
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encode } from 'fast-png'

const side = 32
/** Points that a pixel is drawn with, in each direction. */
const samples = 2
const [count = '200', folder = join(dirname(fileURLToPath(import.meta.url)), 'pictures')] = process.argv.slice(2)

/** Mulberry32 (Tommy Ettinger, 2017, public domain): the same numbers from the same seed. */
function random(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const inEllipse = (x, y, cx, cy, rx, ry) => ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1

/** Whether a point is in the triangle of three corners. */
function inTriangle(x, y, [[ax, ay], [bx, by], [cx, cy]]) {
  const side = (px, py, qx, qy) => (x - qx) * (py - qy) - (px - qx) * (y - qy)
  const [a, b, c] = [side(ax, ay, bx, by), side(bx, by, cx, cy), side(cx, cy, ax, ay)]
  return (a >= 0 && b >= 0 && c >= 0) || (a <= 0 && b <= 0 && c <= 0)
}

/** The colour of a point of a head, in a frame where the head is a circle of radius 1; undefined where it is beside it. */
function head(kind, { fur, dark, muzzle, tilt, droop }, x, y) {
  const [u, v] = [x * Math.cos(tilt) + y * Math.sin(tilt), y * Math.cos(tilt) - x * Math.sin(tilt)]
  const m = Math.abs(u)
  if (inEllipse(m, v, 0.38, -0.1, 0.13, kind === 'cat' ? 0.17 : 0.13)) return dark
  if (inEllipse(u, v, 0, kind === 'cat' ? 0.28 : 0.3, kind === 'cat' ? 0.1 : 0.2, kind === 'cat' ? 0.07 : 0.14))
    return dark
  if (inEllipse(u, v, 0, 0.45, kind === 'cat' ? 0.35 : 0.45, kind === 'cat' ? 0.25 : 0.45)) return muzzle
  // The ears of a dog hang beside its head, those of a cat stand on it.
  if (kind === 'dog' && inEllipse(m, v, 0.95, droop, 0.28, 0.62)) return dark
  if (inEllipse(u, v, 0, 0, 1, kind === 'cat' ? 0.85 : 0.95)) return fur
  if (
    kind === 'cat' &&
    inTriangle(m, v, [
      [0.15, -0.75],
      [0.95, -0.35],
      [0.8, -1.05 - 0.4 * droop],
    ])
  )
    return fur
  return undefined
}

function picture(kind, seed) {
  const next = random(seed)
  const between = (low, high) => low + (high - low) * next()
  const colour = (low, high) => [between(low, high), between(low, high), between(low, high)]
  const fur = colour(70, 235)
  const look = {
    fur,
    dark: fur.map((value) => value * between(0.25, 0.6)),
    muzzle: fur.map((value) => Math.min(255, value * between(0.9, 1.3))),
    tilt: between(-0.5, 0.5),
    droop: between(0, 0.5),
  }
  const [ground, sky] = [colour(20, 235), colour(20, 235)]
  const [cx, cy, radius] = [between(11, 21), between(12, 21), between(6.5, 11)]
  const [light, noise] = [between(0.7, 1.2), between(4, 24)]
  const data = new Uint8Array(side * side * 3)
  for (let i = 0; i < side * side; i++) {
    const sum = [0, 0, 0]
    for (let s = 0; s < samples ** 2; s++) {
      const x = (i % side) + ((s % samples) + 0.5) / samples
      const y = Math.floor(i / side) + (Math.floor(s / samples) + 0.5) / samples
      const shade = y / side
      const found = head(kind, look, (x - cx) / radius, (y - cy) / radius)
      for (let c = 0; c < 3; c++) sum[c] += found ? found[c] : sky[c] * (1 - shade) + ground[c] * shade
    }
    for (let c = 0; c < 3; c++)
      data[i * 3 + c] = Math.max(
        0,
        Math.min(255, Math.round((sum[c] / samples ** 2) * light + (next() - 0.5) * 2 * noise)),
      )
  }
  return encode({ width: side, height: side, channels: 3, data })
}

for (const [set, share, first] of [
  ['train', 1, 0],
  ['test', 0.5, 500_000],
])
  for (const [k, kind] of ['cat', 'dog'].entries()) {
    const to = join(folder, set, kind)
    mkdirSync(to, { recursive: true })
    for (let i = 0; i < Math.round(Number(count) * share); i++)
      writeFileSync(join(to, `${String(i).padStart(4, '0')}.png`), picture(kind, first + 2 * i + k))
  }
console.log(`${folder}: ${count} pictures of each to train with, half as many to test with`)

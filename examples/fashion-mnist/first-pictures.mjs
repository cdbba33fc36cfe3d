// node first-pictures.mjs: of the 60,000 pictures to train with, the first 12,000 as train-*, the next 3,000 as val-*.
import { readFileSync, writeFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

const folder = '/usr/share/datasets/fashion-mnist'
const kinds = [
  { name: 'images-idx3-ubyte', header: 16, bytes: 28 * 28 },
  { name: 'labels-idx1-ubyte', header: 8, bytes: 1 },
]
for (const { name, header, bytes } of kinds) {
  const all = gunzipSync(readFileSync(`${folder}/train-${name}.gz`))
  for (const [part, from, to] of [
    ['train', 0, 12_000],
    ['val', 12_000, 15_000],
  ]) {
    // The count of pictures is the second number of the header.
    const head = Buffer.from(all.subarray(0, header))
    head.writeUInt32BE(to - from, 4)
    writeFileSync(`${part}-${name}`, Buffer.concat([head, all.subarray(header + from * bytes, header + to * bytes)]))
  }
}

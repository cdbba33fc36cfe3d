// Writes the digits that attar.config.ts names to out/, and test.npz. README.md says how to run it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { writeNpz } from '../../compiler/data/formats/npz.ts'
import { loadDigits, SAMPLES, SEED, select, SIDE, split, trainingFiles } from './data.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))
const digits = loadDigits()

mkdirSync(`${folder}/out`, { recursive: true })
for (const [name, bytes] of Object.entries(trainingFiles(digits))) writeFileSync(`${folder}/out/${name}`, bytes)

const { images, labels } = select(digits, split(digits.labels.length, SEED).test.subarray(0, SAMPLES))
const arrays = {
  image: { dtype: 'u8', shape: [SAMPLES, 1, SIDE, SIDE], data: images },
  y: { dtype: 'u8', shape: [SAMPLES], data: labels },
} as const
writeFileSync(`${folder}/test.npz`, writeNpz(arrays))

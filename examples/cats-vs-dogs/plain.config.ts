// The control: the same network and training, with the pictures as they are.
import { defineConfig } from 'attar/config'
import augmented from './attar.config.ts'

export default defineConfig((trial) => {
  const { augment: _, ...rest } = augmented(trial)
  return { ...rest, output: 'out/plain' }
})

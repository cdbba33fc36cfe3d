export { readerBeside, readFile, writeFiles } from './files.ts'
export { readNpy, writeNpy } from './npy.ts'
export { readNpz, writeNpz } from './npz.ts'
export { convert, randomInputs, splitSamples, type InputType } from './samples.ts'

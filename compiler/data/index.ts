export { checkIds } from './check-ids.ts'
export { kindOfFile } from './class-folder.ts'
export { chosen, dataKind, filesOfData, openDataset, readDataset, type DatasetOptions, type Source } from './dataset.ts'
export { cannotRead } from './errors.ts'
export { checkWritable, inTemporaryFolder, readerBeside, readFile, writeFiles } from './files.ts'
export { readImage, writePng, type Image } from './image.ts'
export { isLiteral, parseLiteral, type LiteralType } from './literal.ts'
export { readNpy, writeNpy } from './formats/npy.ts'
export { readNpyStrings, writeNpyStrings, type StringArray } from './formats/npy-strings.ts'
export { readNpz, readNpzOfStrings, writeNpz } from './formats/npz.ts'
export {
  channelOrders,
  completePreprocess,
  completeSound,
  filters,
  fits,
  imageTensor,
  layouts,
  parsePreprocess,
  preprocessOfModel,
  withoutEffect,
  type DataKind,
  type Preprocess,
  type PreprocessOptions,
  type Preprocessing,
  type SoundPreprocess,
} from './preprocess.ts'
export { soundReader, type SoundReader } from './sound.ts'
export { convert, randomInputs, randomSamples, splitSamples, type Dataset, type InputType } from './samples.ts'
export { readWav, type Sound } from './formats/wav.ts'

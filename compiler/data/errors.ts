/**
 * What can be wrong with data, one function for each error. None returns. `what` names a file, or an argument, as messages show
 * it.
 */
import { formatType, type TensorType } from '../core/tensor.ts'
import { fail } from '../core/diagnostics/diagnostic.ts'
import type { Scalar } from '../core/scalar/dtype.ts'

const list = (names: readonly string[]): string => names.join(', ') || 'none'

// Files

export function cannotRead(path: string, why: string): never {
  fail('A502', `cannot read "${path}": ${why}`)
}

export function notAFile(path: string): never {
  fail('A502', `"${path}" is not a file`)
}

export function cannotWrite(folder: string, why: string): never {
  fail('A505', `cannot write into "${folder}": ${why}`)
}

/** `format` with its article. */
export function notOfFormat(what: string, format: string, why?: string): never {
  fail('A502', `${what} is not ${format}${why === undefined ? '' : `: ${why}`}`)
}

export function malformed(what: string, why: string, hint?: string): never {
  fail('A502', `${what}: ${why}`, hint === undefined ? {} : { hint })
}

export function cannotUnpack(what: string, why: string): never {
  fail('A502', `${what} cannot be unpacked: ${why}`)
}

export function notAPicture(what: string): never {
  fail('A502', `${what} is neither a JPEG nor a PNG picture`)
}

export function cannotDecode(what: string, why: string): never {
  fail('A502', `${what} cannot be decoded: ${why}`)
}

/** `parts` are what there should be some of. */
export function hasNone(what: string, parts: string): never {
  fail('A502', `${what} has no ${parts}`)
}

export function notPictures(what: string, shape: readonly number[]): never {
  fail('A502', `${what} holds [${shape.join(',')}], not pictures`)
}

export function picturesAndSounds(folder: string): never {
  fail('A502', `"${folder}" holds both pictures and sounds`)
}

export function notFinite(what: string, sample: number): never {
  fail('A502', `${what}: sample ${sample} is not finite`)
}

export function notANumber(what: string, line: number, column: string, text: string): never {
  malformed(`${what}, line ${line}, column "${column}"`, `"${text.slice(0, 40)}" is not a number`)
}

export function incompleteLabels(what: string, labels: number, lines: number, name: string): never {
  malformed(what, `${labels} of ${lines} lines have "${name}"`)
}

export function wrongLabelCount(path: string, count: number): never {
  fail('A502', `"${path}" does not hold ${count} labels`)
}

/** `parts` are what there may be `limit` of. */
export function tooMany(what: string, limit: number, parts: string): never {
  fail('A301', `${what} has more than ${limit} ${parts}`)
}

export function unpacksToMore(what: string, limit: number): never {
  fail('A301', `${what} unpacks to more than ${limit} bytes`)
}

export function tooManyPixels(what: string, width: number, height: number): never {
  fail('A301', `${what} has ${width} × ${height} pixels; the limit is 2^26`)
}

export function tooManySamples(count: number): never {
  fail('A301', `${count} samples take more than 2 GiB`, { hint: 'name fewer with --samples' })
}

// Data sets and the model

export function noDataset(what: string): never {
  fail('A501', `${what} is no data set`, {
    hint: 'attar reads .npz, .npy, .csv, .jsonl, IDX files and folders of JPEG and PNG pictures or of WAV sounds',
  })
}

export function filesNameNoLabels(what: string, label: string): never {
  fail('A501', `${what} has no array of labels called "${label}"`, {
    hint: 'labels of pictures and sounds are the names of their folders, or the IDX file beside theirs',
  })
}

export function labelsAreInput(label: string): never {
  fail('A501', `"${label}" is an input of the model, so it cannot be the labels`)
}

/** `kind` is what the file has by name. */
export function noLabels(what: string, kind: string, label: string, names: readonly string[]): never {
  fail('A501', `${what} has no ${kind} "${label}" for labels; it has ${list(names)}`)
}

export function noArray(name: string, names: readonly string[]): never {
  fail('A504', `the data has no array "${name}"; it has ${list(names)}`, {
    hint: `arrays belong to the model's inputs of the same name: call the one for this input "${name}"`,
  })
}

export function noTexts(what: string, column: string, names: readonly string[]): never {
  fail('A504', `tokenizer: ${what} has no text "${column}"${names.length > 0 ? `; it has ${list(names)}` : ''}`, {
    hint: 'texts stand in the column "text" of a .csv or .jsonl file, or in the only one beside the labels',
  })
}

/** For integers of another length than the input has. */
export const padHint = 'preprocess: { pad: ID } in the configuration fills shorter rows of ids up, and cuts longer ones'

export function wrongColumns(what: string, found: number, input: string, elements: number, hint?: string): never {
  fail('A504', `${what} has ${found} columns for input "${input}", which has ${elements} elements`, {
    ...(hint !== undefined && { hint }),
  })
}

export function unevenLabels(name: string, elements: number, runs: number): never {
  fail('A504', `array "${name}" has ${elements} elements for ${runs} runs`)
}

interface Runs {
  readonly name: string
  readonly runs: number
}

export function unequalRuns(a: Runs, b: Runs): never {
  fail('A504', `array "${a.name}" has data for ${a.runs} runs, "${b.name}" for ${b.runs}`)
}

export function wrongType(what: string, found: string, wanted: string, hint?: string): never {
  fail('A504', `${what} is ${found}, the model takes ${wanted}`, hint === undefined ? {} : { hint })
}

export function outOfRange(what: string, value: Scalar, dtype: string): never {
  fail('A504', `${what} has the value ${value}, which ${dtype} does not hold`)
}

export function noLookups(): never {
  fail('A501', '--check-ids: no input of the model is known to be looked up in a table', {
    hint: 'compile the model anew if that was done by a version of attar without this option',
  })
}

export function outsideTable(
  what: string,
  input: string,
  id: Scalar,
  place: readonly number[],
  low: number,
  high: number,
): never {
  fail('A504', `${what}: input "${input}" has ${id} at [${place.join(',')}], outside of its table`, {
    hint: `the table takes ${low} to ${high}; without --check-ids the nearest row is taken`,
  })
}

// Pictures and the model

export function needsOneInput(kind: string, inputs: number): never {
  fail('A504', `${kind} are for models of one input; this one has ${inputs}`)
}

interface NamedType extends TensorType {
  readonly name: string
}

const takes = (input: NamedType): string => `input "${input.name}" is ${formatType(input)}`

export function noPictureInput(input: NamedType): never {
  fail('A504', `${takes(input)}: pictures go one by one into inputs of 4 dimensions`)
}

export function noSoundInput(input: NamedType): never {
  fail('A504', `${takes(input)}: sounds go one by one into inputs of f32[1,n]`)
}

export function cannotResample(what: string, found: number, wanted: number): never {
  fail('A504', `${what} has ${found} samples a second, too far from the ${wanted} that the model takes`)
}

export function wrongChannels(input: NamedType, layout: string, count: number, channels: string): never {
  fail('A504', `${takes(input)}, which in the layout ${layout} has ${count} channels; ${channels} does not fit`)
}

export function wrongNumberCount(name: string, numbers: number, channels: number): never {
  fail('A501', `${name} has ${numbers} numbers for ${channels} channels`)
}

// Arguments

export function nothingToPad(): never {
  fail('A501', 'pad: has no effect: no input of the model is a row of integers')
}

export function badLiteral(what: string, why: string): never {
  fail('A501', `${what}: ${why}`)
}

export function notJson(what: string, why: string): never {
  fail('A501', `${what} is not JSON: ${why}`)
}

export function notAnObject(what: string): never {
  fail('A501', `${what} is not an object`)
}

export function unknownMember(what: string, name: string, names: readonly string[]): never {
  fail('A501', `${what} has "${name}"; it may have ${list(names)}`)
}

export function wrongMember(what: string, name: string, value: unknown, wanted: string): never {
  fail('A501', `${what}: "${name}" is ${JSON.stringify(value)}, not ${wanted}`)
}

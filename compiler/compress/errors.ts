/** Why a model cannot be quantized or judged as asked for, one function for each error. None returns. */
import { fail, type Origin } from '../core/diagnostics/diagnostic.ts'
import type { Metric } from '../core/artefact/quantization-report.ts'

// Options

export function bitsOfActivations(): never {
  fail('A501', 'only weights alone can have other bits than 8')
}

export function wrongBits(bits: number): never {
  fail('A501', `weights have 3, 4 or 8 bits, not ${bits}`)
}

export function sizeOfActivations(): never {
  fail('A501', 'a budget of bytes chooses the bits of weights alone')
}

/** `least` is what the smallest that was found takes. */
export function tooLarge(least: number, bytes: number): never {
  fail('A501', `the module takes ${least} bytes where all weights have the fewest bits, and ${bytes} are allowed`, {
    hint: 'give fewer bits, allow more bytes, or prune the model',
  })
}

export function noCalibration(): never {
  fail('A501', 'there are no samples to calibrate on')
}

export function budgetNeedsSamples(): never {
  fail('A501', 'a budget needs samples to measure accuracy on')
}

// Models

export function noMeasuredOutput(): never {
  fail('A506', 'the model has no output of f32 of a fixed size to judge by')
}

export function noWeights(): never {
  fail('A506', 'the model has no weights that could be quantized')
}

export function unlikeGraphs(origin: Origin | undefined): never {
  fail('A506', 'the model has other operations at one shape than at another, so that its integers cannot be shared', {
    ...(origin && { origin }),
    hint: 'quantize it for each shape alone, and compile a module for each',
  })
}

// Samples

export function missingInput(name: string): never {
  fail('A501', `a sample has no value for the input "${name}"`)
}

export function noFiniteSample(what: string, inputs: string): never {
  fail('A504', `no ${what} sample is finite: there is NaN or an infinity in ${inputs}`)
}

export function noFiniteActivations(): never {
  fail('A504', 'no layer has finite activations on the samples')
}

export function noFiniteOutput(samples: number): never {
  fail('A504', `the float model gives NaN or infinities on all ${samples} samples`, {
    hint: 'check the data for NaN, and the scale of its values',
  })
}

/** `what` is what shows that the model does no better on the data than chance. */
export function noBetterThanChance(what: string, hint: string): never {
  fail('A504', `${what}: the data does not go with the model`, { hint })
}

export function aucNeedsBothClasses(): never {
  fail('A504', 'metric auc needs samples of both classes')
}

// Labels

export function labelNotFinite(sample: number, label: readonly number[]): never {
  fail('A504', `the label of sample ${sample} is [${label.slice(0, 4).join(', ')}]`)
}

export function wrongLabelSize(
  sample: number,
  values: number,
  metric: Metric,
  expected: number,
  classes: number,
): never {
  fail('A504', `the label of sample ${sample} has ${values} values; metric ${metric} takes ${expected}`, {
    hint: `a label is the number of a class, from 0 to ${classes - 1}, or one-hot`,
  })
}

/** `fromOne` where all labels would be classes if they counted from 1. */
export function labelNoClass(sample: number, label: readonly number[], classes: number, fromOne: boolean): never {
  fail('A504', `the label of sample ${sample} is ${label.join(', ')}, which is no class of ${classes}`, {
    hint: fromOne ? 'the labels seem to count from 1: subtract 1' : `classes are numbered from 0 to ${classes - 1}`,
  })
}

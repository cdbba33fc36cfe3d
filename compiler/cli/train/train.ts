import { Option } from 'commander'
import type { Settings } from '../../config/schema.ts'
import type { LossName, ScheduleName } from '../../train/index.ts'
import { toJson } from '../format.ts'
import {
  addShapeOptions,
  nonNegative,
  notEmpty,
  positive,
  seedNumber,
  wholeNumber,
  type ShapeOptions,
  RepeatableList,
} from '../options.ts'
import type { AddCommand } from '../program.ts'
import { planOption, pruneOption } from '../compile/prune-options.ts'
import { addPictureOptions, labelOption, share, type PictureOptions } from '../compile/quantize-options.ts'
import { emitStep, leftOut } from './emit.ts'
import { addTableOptions } from '../compile/vocabulary-options.ts'
import { overridden, readConfig, type TrainFlags } from './settings.ts'
import { trainRun } from './run.ts'

interface Options extends TrainFlags, ShapeOptions, PictureOptions {
  readonly params?: string
  readonly resume?: boolean
  readonly emitStep?: boolean
  readonly json?: boolean
}

const scheduleNames = ['one-cycle', 'cosine', 'step', 'constant'] as const satisfies readonly ScheduleName[]
const lossNames = ['cross-entropy', 'binary-cross-entropy', 'mean-squared-error'] as const satisfies readonly LossName[]

const usage = `
attar train attar.config.ts               what the file says: a network from nothing, or a model
attar train model.onnx --train DATA --test DATA -o out/
                          trains a model further, and writes out/model.onnx
attar train model.onnx --train DATA --classes 2 --freeze 'conv*' -o out/
                          keeps the body, gives it a new last layer for two classes
attar train model.onnx --train DATA --prune 50% -o out/
                          removes channels, and trains what is left
attar train model.onnx --teacher model.onnx --no-labels --train PICTURES --prune 50% -o out/
                          the same without labels: what is left learns to answer as the model did
attar train model.onnx --train DATA --quantize int8 -o out/
                          makes integers of 8 bits of the model, and trains them
attar train model.onnx --train DATA --sparsify 90% -o out/
                          makes weights zero, which attar compile leaves out

attar train model.onnx --train DATA --vocabulary DATA -o out/
                          removes the rows of embeddings that DATA does not read, then trains
attar train model.onnx --classes 2 --freeze '!(head.*)' --batch 8 --emit-step -o out/
                          writes out/step.js and out/predict.js, which train and predict in a page

The data is .npz, .npy, .csv, .jsonl, IDX, or a folder with a folder of pictures or WAV sounds for
each class.
The training data changes the parameters. The validation data chooses the epoch that is kept. The
test data is looked at once, at the end.`

export const addTrain: AddCommand = (program, terminal, done) => {
  const command = program
    .command('train')
    .description('Train a network, or a model further: out/model.onnx, report.json, checkpoint.npz.')
    .argument('<config-or-model>', 'attar.config.ts (or .js, .mjs, .json), or an ONNX model')
    .option(
      '-o, --output <folder>',
      'folder for what is written (default: out, or what the configuration says)',
      notEmpty,
    )
    .option('--train <data>', 'data to train on', notEmpty)
    .option(
      '--val <data>',
      'data to validate with: a path, or a share of the training data (default: 10%)',
      pathOrShare,
    )
    .option('--test <data>', 'data that is scored once, at the end', notEmpty)
    .addOption(labelOption())
    .option('--classes <number>', 'give the model a new last layer for this many classes', wholeNumber(2, 1_000_000))
    .addOption(new RepeatableList('--freeze <pattern>', 'parameters that stay as they are, such as "conv*"'))
    .option('--epochs <number>', 'times to go through the training data (default: 10)', wholeNumber(1, 1_000_000))
    .option('--batch <number>', 'samples in a step (default: 32)', wholeNumber(1, 65536))
    .option(
      '--accumulate <number>',
      'micro-batches that a batch is split into; their gradients are summed (default: 1)',
      wholeNumber(1, 65536),
    )
    .option(
      '--workers <number>',
      'threads that share the micro-batches, for the same result in less time (default: 1)',
      wholeNumber(1, 256),
    )
    .addOption(new Option('--optimizer <name>', 'adamw (default) or sgd').choices(['adamw', 'sgd']))
    .option('--learning-rate <number>', 'highest learning rate (default: 0.001 for adamw, 0.01 for sgd)', nonNegative)
    .option('--weight-decay <number>', 'weight decay (default: 0.01 for adamw, 0 for sgd)', nonNegative)
    .addOption(
      new Option(
        '--schedule <name>',
        'how the learning rate changes: one-cycle (default), cosine, step or constant',
      ).choices(scheduleNames),
    )
    .addOption(
      new Option('--loss <name>', 'cross-entropy (default), binary-cross-entropy or mean-squared-error').choices(
        lossNames,
      ),
    )
    .option('--label-smoothing <share>', 'share of the target that is spread over all classes', share)
    .option('--clip-norm <number>', 'largest norm of the gradients of a step', nonNegative)
    .option('--average <share>', 'validate and keep a running average of the parameters, e.g. 0.999', share)
    .option('--patience <epochs>', 'end after this many epochs without a better validation', wholeNumber(1, 1_000_000))
    .addOption(
      new Option('--keep <epoch>', 'the epoch that is kept: best by validation (default), or last').choices([
        'best',
        'last',
      ]),
    )
    .addOption(pruneOption())
    .addOption(planOption())
    .option('--teacher <model>', 'an ONNX model whose answers are learned beside the labels', notEmpty)
    .option('--temperature <number>', "what both models' scores are divided by to compare them (default: 2)", positive)
    .option('--alpha <share>', 'the share of the loss that is of the teacher (default: 0.5)', share)
    .option('--no-labels', 'learn from the teacher alone: the data needs no labels, and those that it has are not used')
    .addOption(
      new Option(
        '--quantize <mode>',
        'train with the integers that the model will be stored in: int8, or weights for those alone',
      ).choices(['int8', 'weights']),
    )
    .option('--sparsify <share>', 'make this share of the weights zero while training, e.g. 90%', share)
    .option('--seed <number>', 'seed of all that is chosen at random (default: 1)', seedNumber)
    .option(
      '--emit-step',
      'do not train: write the training step and the prediction as compiled models, step.js and predict.js',
    )
    .option('--params <file>', 'values that the configuration asks for, JSON as "attar tune" writes it', notEmpty)
    .option('--resume', 'go on from the checkpoint in the output folder')
    .option('--json', 'print the report as JSON')
  addPictureOptions(addTableOptions(addShapeOptions(command)))
    .addHelpText('after', usage)
    .action(async (path: string, options: Options) => {
      const { checkWritable } = await import('../../data/index.ts')
      const base: Settings = path.endsWith('.onnx') ? { model: path } : await readConfig(path, options.params)
      const settings = await overridden(base, options)
      const output = settings.output ?? 'out'
      checkWritable(output)
      if (options.emitStep) {
        const note = leftOut(base)
        if (note !== undefined) terminal.err(note)
        const { report, lines } = await emitStep(settings, options, output, terminal)
        return terminal.out(options.json ? toJson(report) : lines)
      }
      const run = await trainRun(settings, options, output, terminal)
      if (options.json) terminal.out(toJson(run.report))
      else terminal.out(run.lines)
      if (run.interrupted) {
        terminal.err(`interrupted: ${run.checkpoint} holds all that was done; the same command with --resume goes on`)
        done(1)
      }
    })
}

/** `20%` is a share. */
export const pathOrShare = (text: string): string | number => (/^[\d.]+%$/.test(text) ? share(text) : notEmpty(text))

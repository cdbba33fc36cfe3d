import type { Command } from 'commander'
import { countShapes, Repeatable, RepeatableList, type EachShape } from './options.ts'

/** What the user gave a command. */
interface Given {
  readonly options: ReadonlyMap<string, unknown>
  readonly args: readonly string[]
}

/** What an option needs in order to take effect. */
interface Condition {
  /** Completes “it has no effect …”, e.g. `without --quantize`. */
  readonly otherwise: string
  met(given: Given): boolean | Promise<boolean>
}

const flag = (name: string, value?: string): string => `--${name}${value === undefined ? '' : ` ${value}`}`

/** With that option, or with this value of it. */
const withOption = (name: string, value?: string): Condition => ({
  otherwise: `without ${flag(name, value)}`,
  met: ({ options }) => (value === undefined ? options.has(name) : options.get(name) === value),
})

const withoutOption = (name: string, value?: string): Condition => ({
  otherwise: `with ${flag(name, value)}`,
  met: ({ options }) => !(value === undefined ? options.has(name) : options.get(name) === value),
})

const either = (otherwise: string, ...conditions: readonly Condition[]): Condition => ({
  otherwise,
  met: async (given) => {
    for (const { met } of conditions) if (await met(given)) return true
    return false
  },
})

const together = (...conditions: readonly Condition[]): Condition => ({
  otherwise: conditions.map(({ otherwise }) => otherwise).join(', or '),
  met: async (given) => {
    for (const { met } of conditions) if (!(await met(given))) return false
    return true
  },
})

/** One of the values of a repeatable option is such. */
const withValue = (name: string, otherwise: string, is: (value: string) => boolean): Condition => ({
  otherwise,
  met: ({ options }) => Object.values((options.get(name) ?? {}) as Record<string, string>).some(is),
})

/** The data that an option names is pictures. */
const ofPictures = (name: string): Condition => ({
  otherwise: `without pictures in --${name}`,
  met: async ({ options }) => {
    const { dataKind } = await import('../data/dataset.ts')
    return options.has(name) && dataKind(String(options.get(name))) === 'pictures'
  },
})

const ofModel: Condition = {
  otherwise: 'on a compiled module: give it an ONNX model',
  met: async ({ args: [path] }) => {
    const { isModule } = await import('./modules.ts')
    const { readFile } = await import('../data/files.ts')
    return path !== undefined && !isModule(readFile(path))
  },
}

/** bench tells by the name. */
const onModel: Condition = {
  otherwise: 'on a compiled model: give it a model.onnx, which it compiles',
  met: ({ args: [path] }) => path?.endsWith('.onnx') === true,
}

/** bench tells this by the name, too. */
export const isConfig = (path: string): boolean => /\.(ts|js|mjs|json)$/.test(path)

const onTraining: Condition = { otherwise: '', met: ({ args: [path] }) => path !== undefined && isConfig(path) }

const toPictures = (pictures: Conditions): Record<string, Conditions> =>
  Object.fromEntries(['resize', 'fit', 'layout', 'channels', 'scale', 'mean', 'std'].map((name) => [name, pictures]))

const all = (names: readonly string[], conditions: Conditions): Record<string, Conditions> =>
  Object.fromEntries(names.map((name) => [name, conditions]))

const always = [] as const

type Conditions = Condition | readonly Condition[]

const quantizing = withOption('quantize')
/** Of a model that is made smaller: what accuracy, sensitivity and choices at random are of. */
const compressing = either(
  'without --quantize, --prune or --vocabulary',
  ...['quantize', 'prune', 'vocabulary'].map((name) => withOption(name)),
)
const withData = [
  compressing,
  either('without data: give --calib or --val', withOption('calib'), withOption('val')),
] as const
const calibrated: Condition = {
  otherwise: '',
  met: ({ options }) => options.has('calib') && options.get('calib') !== 'random',
}
const measured = [
  compressing,
  either('without data to measure on: give --val, or a --calib that is not random', withOption('val'), calibrated),
] as const
const withSamples = [withOption('val'), calibrated, withOption('vocabulary')]
/** A target of `--prune` that measured times are for. */
const toLatency: Condition = {
  otherwise: 'without --prune latency=…',
  met: ({ options }) => Object.hasOwn((options.get('prune') ?? {}) as object, 'latency'),
}
/** A search for a model within a budget, which chooses itself how the model is made smaller. */
const searching = either('without --train or --config', withOption('train'), withOption('config'))
const notSearching: Condition = {
  otherwise: 'with --train or --config: the search chooses how the model is made smaller',
  met: ({ options }) => !options.has('train') && !options.has('config'),
}
const pixels = withOption('pixels')
const pcm = withOption('pcm')
/** A script takes pictures, or sound, or texts. */
const alone = (...others: readonly string[]): Condition => ({
  otherwise: `with ${others.map((name) => `--${name}`).join(' or ')}: a model takes one of pictures, sound and texts`,
  met: ({ options }) => !others.some((name) => options.has(name)),
})
/** What is of one shape has no place where `--shape` or `--dim` names several. */
const ofOneShape: Condition = {
  otherwise: 'with several shapes in --shape or --dim: compile a model for each',
  met: ({ options }) =>
    countShapes({ shape: options.get('shape') ?? {}, dim: options.get('dim') ?? {} } as EachShape) === 1,
}
const oneModel = withoutOption('cases')
const cases = withOption('cases')
const onEngines = withoutOption('layers')
const training = withoutOption('emit-step')

/**
 * By command and option, what the option needs in order to take effect. One that does not have it is refused, so that none
 * is ignored without a word; a test holds the table against the commands' own lists.
 */
export const preconditions: Readonly<Record<string, Readonly<Record<string, Conditions>>>> = {
  compile: {
    ...all(['output', 'name', 'shape', 'dim', 'bind', 'target', 'inline', 'sizes', 'profile', 'json'], always),
    ...all(['bound', 'train', 'config', 'emit-onnx'], ofOneShape),
    ...all(['test', 'no-labels', 'max-latency', 'time'], searching),
    'max-size': either(
      'without --train or --config, or --quantize weights with --calib or --val; --prune has a size of its own',
      searching,
      together(
        withOption('quantize', 'weights'),
        withoutOption('prune'),
        ofOneShape,
        either('', ...['calib', 'val'].map((name) => withOption(name))),
      ),
    ),
    ...all(['epochs', 'learning-rate', 'no-control'], searching),
    ...all(['state', 'quantize'], notSearching),
    ...all(['prune', 'vocabulary'], [notSearching, ofOneShape]),
    // With size, that nothing is smaller is told when it has been compiled.
    sparse: always,
    // That nothing is smaller is told when it has been compiled.
    'entropy-code': always,
    'state-init': withOption('state'),
    bits: withOption('quantize', 'weights'),
    plan: {
      otherwise: 'without --train or --config, which it tells about; with a file it is for --prune latency=…',
      met: async (given) => (given.options.get('plan') === true ? searching.met(given) : toLatency.met(given)),
    },
    ...all(['unknown', 'vocabulary-map'], withOption('vocabulary')),
    calib: [notSearching, either('without --quantize or --prune', quantizing, withOption('prune'))],
    samples: withOption('calib'),
    val: either('without --quantize, --prune, --vocabulary, --train or --config', compressing, searching),
    label: either(
      'without --train or --config, or --quantize, --prune or --vocabulary with --calib or --val',
      searching,
      together(...withData),
    ),
    ...all(
      ['metric', 'max-drop'],
      either(
        'without --train or --config, or --quantize, --prune or --vocabulary with data to measure on: --val, or a --calib that is not random',
        searching,
        together(...measured),
      ),
    ),
    'no-sensitivity': [quantizing, ...withData],
    seed: either(
      'without --train or --config, or --quantize, --prune or --vocabulary with --calib or --val',
      searching,
      together(...withData),
    ),
    'check-ids': withData,
    force: withOption('calib', 'random'),
    // What of it has an effect is told when it has been read.
    preprocess: either(
      'without data, --pixels or --pcm: give --calib, --val, --train or --vocabulary',
      searching,
      ...withSamples,
      pixels,
      pcm,
    ),
    ...toPictures(
      either(
        'without pictures in --calib, --val or --train, or --pixels',
        ...['calib', 'val', 'train'].map(ofPictures),
        pixels,
      ),
    ),
    pixels: [alone('pcm', 'tokenizer'), ofOneShape],
    pcm: [alone('pixels', 'tokenizer'), ofOneShape],
    stream: pcm,
    tokenizer: [
      {
        otherwise: 'with --vocabulary-map: it gives old ids, and the model would take new ones',
        met: withoutOption('vocabulary-map').met,
      },
      ofOneShape,
    ],
    classify: [either('without --pixels or --tokenizer', pixels, withOption('tokenizer')), withoutOption('detect')],
    detect: pixels,
    ...all(['scores', 'box-units', 'anchors', 'variances'], withOption('detect')),
    classes: either('without --classify or --detect', withOption('classify'), withOption('detect')),
  },
  init: all(['model', 'shape', 'dim', 'bind', 'bound', 'json'], always),
  run: {
    // Itself it refuses a model that looks nothing up.
    ...all(['input', 'inputs', 'text', 'output', 'check-ids', 'json'], always),
    pair: withOption('text'),
    seed: withValue('input', 'without an --input NAME=random', (value) => value === 'random'),
    preprocess: withValue('input', 'without a picture or sound in --input', (value) =>
      /\.(jpe?g|png|wav)$/i.test(value),
    ),
    ...toPictures(withValue('input', 'without a picture in --input', (value) => /\.(jpe?g|png)$/i.test(value))),
  },
  verify: {
    ...all(['cases', 'json'], always),
    ...all(['filter', 'engine'], cases),
    ...all(['val', 'bind', 'metric', 'check-ids'], oneModel),
    label: [oneModel, withOption('metric'), withOption('val')],
    'max-drop': [oneModel, withOption('metric')],
    samples: [oneModel, withoutOption('val')],
    // The interval of a metric is drawn at random too.
    seed: [oneModel, either('with --val and no --metric', withoutOption('val'), withOption('metric'))],
    ...all(['atol', 'rtol'], withoutOption('metric')),
    preprocess: withOption('val'),
    ...toPictures(ofPictures('val')),
  },
  // What depends on the configuration is told when that has been read.
  train: {
    ...all(['output', 'emit-step', 'classes', 'freeze', 'batch', 'optimizer', 'weight-decay', 'loss'], always),
    ...all(['label-smoothing', 'clip-norm', 'seed', 'json', 'shape', 'dim', 'bind', 'bound'], always),
    // What feeds a step that is written, and how often it runs, is up to who runs it.
    ...all(['train', 'val', 'test', 'label', 'preprocess', 'epochs', 'learning-rate', 'schedule'], training),
    params: {
      otherwise: 'on a model: it is for a configuration',
      met: ({ args: [path] }) => path !== undefined && isConfig(path),
    },
    plan: [training, toLatency],
    ...all(['vocabulary'], always),
    unknown: withOption('vocabulary'),
    ...all(
      ['accumulate', 'workers', 'prune', 'quantize', 'sparsify', 'average', 'patience', 'keep', 'resume'],
      training,
    ),
    // A configuration may name the teacher.
    ...all(['teacher'], always),
    ...all(['temperature', 'alpha', 'no-labels'], either('without --teacher', onTraining, withOption('teacher'))),
    ...toPictures(training),
  },
  tune: {
    ...all(
      ['output', 'trials', 'jobs', 'objectives', 'train', 'val', 'test', 'label', 'epochs', 'seed', 'resume'],
      always,
    ),
    ...all(['queue', 'json'], always),
    lease: withOption('queue'),
  },
  worker: all(['jobs', 'data', 'json'], always),
  tokenizer: all(['output', 'name', 'json'], always),
  augment: all(['preview', 'train', 'label', 'samples', 'epochs', 'seed', 'json'], always),
  inspect: {
    json: always,
    ...all(['node', 'shape', 'dim', 'bind', 'bound'], ofModel),
    html: always,
    plan: withOption('html'),
    state: together(withOption('html'), ofModel),
    'state-init': withOption('state'),
  },
  bench: {
    ...all(['seed', 'json'], always),
    name: [
      onEngines,
      {
        otherwise: 'on a module: the argument names it already',
        met: ({ args: [path] }) => path?.endsWith('.wasm') !== true,
      },
    ],
    ...all(['engines', 'runs', 'starts', 'warm-up', 'html'], onEngines),
    against: [
      onEngines,
      either('without the model’s source: give --model model.onnx', onModel, onTraining, withOption('model')),
    ],
    model: [
      withOption('against'),
      {
        otherwise: 'beside a model.onnx or a training, which are what the other systems run',
        met: async (given) => !(await onModel.met(given)) && !(await onTraining.met(given)),
      },
    ],
    'peer-model': {
      otherwise: 'without --against litert',
      met: ({ options }) => ((options.get('against') ?? []) as readonly string[]).includes('litert'),
    },
    // Of a compiled model, one of its shapes.
    shape: always,
    dim: either(onModel.otherwise, onModel, onTraining),
    ...all(['state', 'bound'], onModel),
    'state-init': [onModel, withOption('state')],
    bind: either('on a compiled model without --against', onModel, onTraining, withOption('against')),
    layers: onModel,
    plan: withOption('layers'),
  },
  diff: all(['fail-if-larger', 'json'], always),
  check: {
    ...all(['max-size', 'max-gzip', 'max-brotli', 'max-memory', 'max-cold-start', 'max-latency', 'target'], always),
    // A budget file may hold the limits: what has no effect without one of time is told when it has been read.
    ...all(['budget', 'engines', 'runs', 'starts', 'warm-up', 'seed', 'json', 'junit'], always),
    name: {
      otherwise: 'on a module: the argument names it already',
      met: ({ args: [path] }) => path?.endsWith('.wasm') !== true,
    },
    // Of a compiled model, one of its shapes, whose times are measured.
    shape: always,
    ...all(['dim', 'bind', 'bound', 'state'], onModel),
    'state-init': [onModel, withOption('state')],
  },
}

/** Ends in a usage error where an option that the user gave would have no effect, or replace one given before. */
export async function checkOptions(command: Command): Promise<void> {
  const given = command.options.filter((o) => command.getOptionValueSource(o.attributeName()) === 'cli')
  const named = given.map((option) => [option.long!.slice(2), command.getOptionValue(option.attributeName())] as const)
  const options = new Map<string, unknown>(named)
  const table = preconditions[command.name()]!
  for (const name of options.keys()) {
    for (const condition of [table[name] ?? []].flat()) {
      if (!(await condition.met({ options, args: command.args })))
        command.error(`error: --${name} has no effect ${condition.otherwise}`)
    }
  }
}

/** Makes it a usage error to give an option twice, except one that collects. */
export function refuseRepeats(command: Command): void {
  for (const option of command.options) {
    if (option instanceof Repeatable || option instanceof RepeatableList) continue
    let count = 0
    command.on(`option:${option.name()}`, () => {
      if (++count > 1) command.error(`error: ${option.long} is given twice`)
    })
  }
}

import type { Settings } from '../../config/schema.ts'
import type { Candidate } from './candidate.ts'
import { formOptions } from './forms.ts'
import type { OptimizeOptions } from './options.ts'
import type { Subject } from './subject.ts'

/** What a shell takes as one word. */
const word = (text: string): string => (/^[\w./:=%,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)

/** The commands and configurations that come to a candidate. */
export function reproduction(
  { trainings, form, source }: Candidate,
  path: string,
  options: OptimizeOptions,
  { settings: { data = {}, seed = 1 }, data: { preprocess } }: Subject,
): { readonly what: string; readonly text: string }[] {
  const { output, config } = options
  const configs = trainings.map(({ settings }, i) => ({
    what: `training-${i + 1}.config.ts`,
    // A training of integers goes on with what the one before wrote.
    text: configText(
      {
        ...settings,
        ...(preprocess && { preprocess: { ...preprocess } }),
        ...(i > 0 && { model: `training-${i}/model.onnx` }),
      },
      config,
    ),
  }))
  const trained = trainings.map((_, i) => `attar train training-${i + 1}.config.ts -o training-${i + 1}`)
  const isMixed = (source.quantization?.maxDrop ?? null) !== null
  const flags = [
    // A trained model says itself what it takes.
    ...(trainings.length === 0 ? givenFlags(options) : []),
    ...(form && !trainedIntegers(trainings)
      ? [formOptions(form), `--calib ${word(data.train!)}`, `--seed ${seed}`]
      : []),
    ...(isMixed
      ? [
          `--max-drop ${source.quantization!.maxDrop}`,
          ...(typeof data.val === 'string' ? [`--val ${word(data.val)}`] : []),
        ]
      : []),
  ]
  const model = trainings.length > 0 ? `training-${trainings.length}/model.onnx --dim batch=1` : word(path)
  return [
    ...configs,
    {
      what: 'the commands',
      text: [...trained, `attar compile ${model} ${[...flags, `-o ${word(output)}`].join(' ')}`].join('\n'),
    },
  ]
}

/** The options that say which shapes the model has, and how data becomes its inputs. */
function givenFlags(options: OptimizeOptions): string[] {
  const bound = Object.entries(options.bound ?? {}).map(
    ([of, bounds]) => [of, bounds.map(([least, most]) => `${least}..${most}`)] as const,
  )
  const given = { shape: options.shape, dim: options.dim, bind: options.bind, bound: Object.fromEntries(bound) }
  const lists = Object.entries(given).flatMap(([name, values = {}]) =>
    Object.entries(values).map(([of, value]) => `--${name} ${word(`${of}=${[value].flat().join(',')}`)}`),
  )
  const pictures = (
    ['label', 'preprocess', 'resize', 'fit', 'layout', 'channels', 'scale', 'mean', 'std'] as const
  ).flatMap((name) => {
    const value = options[name]
    return value === undefined ? [] : [`--${name} ${word([value].flat().join(','))}`]
  })
  return [...lists, ...pictures]
}

const trainedIntegers = (trainings: Candidate['trainings']): boolean =>
  trainings.some(({ settings }) => settings.quantize !== undefined)

/** Fields that hold functions stand in the configuration that was given. */
function configText(settings: Settings, config: string | undefined): string {
  const { augment: _, ...rest } = settings
  const fields = JSON.stringify(rest, null, 2)
  if (config === undefined) return `export default ${fields}\n`
  return `import base from ${JSON.stringify(config)}\n\nexport default { ...base, ...${fields} }\n`
}

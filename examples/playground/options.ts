/** The form: what can be chosen for a model, and what was. */
import { element, make } from './elements.ts'
import { nameOf, type Choices, type Opened } from './protocol.ts'

const form = element<HTMLFormElement>('options')
const field = (name: string) => form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement
const valueOf = (name: string): string => field(name).value.trim()

/** A mistake in a field, which the form shows. */
export class BadField extends Error {}

let model: Opened | undefined
let calibration: readonly File[] = []

/** Sizes that are one picture, sentence or sound at a time. */
const single = /^(n|b|batch\w*|\w*batch(_?size)?)$/i

export function setCalibration(files: readonly File[]): void {
  calibration = files
  element('calibration-name').textContent =
    files.length === 0 ? '' : files.length === 1 ? files[0]!.name : `${files.length} files`
  element('calibration-clear').hidden = files.length === 0
}

/** Fields for a model; what was chosen for another goes. */
export function showOptions(opened: Opened): void {
  model = opened
  form.reset()
  setCalibration([])
  element('sizes').hidden = opened.dims.length + opened.open.length === 0
  element('size-fields').replaceChildren(
    ...opened.dims.map((dim) =>
      make(
        'label',
        {},
        dim,
        make('input', { name: `dim ${dim}`, inputmode: 'numeric', value: single.test(dim) ? '1' : '' }),
      ),
    ),
    ...opened.open.map((name) =>
      make('label', {}, `shape of ${name}`, make('input', { name: `shape ${name}`, placeholder: 'e.g. 1,3,224,224' })),
    ),
  )
  const states = new Map(opened.likelyStates.map(({ input, output }) => [input, output]))
  element('port-fields').replaceChildren(
    ...opened.inputs.map(({ name, type }) =>
      make(
        'div',
        { class: 'port' },
        make(
          'label',
          {},
          `${name} ${type}${states.has(name) ? ` (looks like a state: ${states.get(name)!} may be its next value)` : ''}`,
          make(
            'select',
            { name: `role ${name}` },
            make('option', { value: '' }, 'given with each run'),
            make('option', { value: 'fixed' }, 'fixed'),
            ...opened.outputs.map((output) =>
              make('option', { value: `state ${output.name}` }, `state: becomes ${output.name}`),
            ),
          ),
        ),
        make('input', { name: `value ${name}`, 'aria-label': `value of ${name}`, disabled: '' }),
      ),
    ),
  )
  settle()
}

/** Fields that have no effect cannot be filled in. */
export function settle(): void {
  const quantize = valueOf('quantize')
  element('calibration').hidden = quantize === ''
  element('calibration-need').textContent =
    quantize === 'int8' ? 'They are needed for activations.' : 'Weights do without; with data they lose less.'
  const inline = field('inline') as HTMLInputElement
  inline.disabled = valueOf('target') === 'both'
  if (inline.disabled) inline.checked = false
  const pixels = (field('pixels') as HTMLInputElement).checked
  field('classify').disabled = !pixels
  field('classes').disabled = !pixels || valueOf('classify') === ''
  for (const { name } of model?.inputs ?? []) {
    const role = valueOf(`role ${name}`)
    const value = field(`value ${name}`) as HTMLInputElement
    value.disabled = value.hidden = role === ''
    value.placeholder = role === 'fixed' ? 'e.g. 16000 or [[0,0,1,1]]' : 'starts as zeros'
  }
}

/** Whether compiling needs nothing more from the user. */
export const isComplete = (): boolean =>
  [...element('size-fields').querySelectorAll('input')].every(({ value }) => value.trim() !== '')

const numbers = (name: string, label: string): number[] | undefined => {
  const text = valueOf(name)
  if (text === '') return undefined
  const values = text.split(',').map((each) => {
    const [above, below = '1', ...more] = each.split('/')
    return above!.trim() === '' || more.length > 0 ? NaN : Number(above) / Number(below)
  })
  if (values.some((value) => !Number.isFinite(value))) throw new BadField(`${label}: "${text}" is not a number`)
  return values
}

const whole = (text: string, label: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new BadField(`${label}: "${text}" is not a whole number`)
  return Number(text)
}

/** What was chosen. Throws a BadField. */
export function choices(): Choices {
  const { dims, open, inputs } = model!
  const quantize = valueOf('quantize')
  const filled = (prefix: string, names: readonly string[]): [string, string][] =>
    names.flatMap((name) => {
      const text = valueOf(`${prefix} ${name}`)
      return text === '' ? [] : [[name, text]]
    })
  const roles = inputs.map(({ name }) => [name, valueOf(`role ${name}`), valueOf(`value ${name}`)] as const)
  const fixed = roles.filter(([, role]) => role === 'fixed')
  const empty = fixed.find(([, , value]) => value === '')
  if (empty) throw new BadField(`${empty[0]} is fixed: to what value?`)
  const states = roles.filter(([, role]) => role.startsWith('state '))
  const scale = numbers('scale', 'Scale')
  const [mean, std] = [numbers('mean', 'Mean'), numbers('std', 'Standard deviation')]
  const chosen = Object.fromEntries(
    ['resize', 'fit', 'channels'].flatMap((name) => (valueOf(name) === '' ? [] : [[name, valueOf(name)]])),
  ) as Choices['preprocess']
  const pixels = (field('pixels') as HTMLInputElement).checked
  const classify = valueOf('classify')
  const classes = valueOf('classes')
  return {
    dims: Object.fromEntries(filled('dim', dims).map(([name, text]) => [name, whole(text, name)])),
    shapes: Object.fromEntries(
      filled('shape', open).map(([name, text]) => [
        name,
        text.split(/[,×x\s]+/).map((size) => whole(size, `Shape of ${name}`)),
      ]),
    ),
    bind: Object.fromEntries(fixed.map(([name, , value]) => [name, value])),
    state: Object.fromEntries(states.map(([name, role]) => [name, role.slice('state '.length)])),
    stateInit: Object.fromEntries(states.flatMap(([name, , value]) => (value === '' ? [] : [[name, value]]))),
    ...(quantize !== '' && { quantize: quantize === 'int8' ? 'int8' : 'weights' }),
    ...(quantize.startsWith('weights') && { bits: quantize.endsWith('4') ? 4 : 8 }),
    calibration: quantize === '' ? [] : calibration,
    target: valueOf('target') as Choices['target'],
    sparse: valueOf('sparse') as Choices['sparse'],
    inline: (field('inline') as HTMLInputElement).checked,
    preprocess: {
      ...chosen,
      ...(scale && { scale: scale[0]! }),
      ...(mean && { mean }),
      ...(std && { std }),
    },
    pixels,
    ...(pixels && classify !== '' && { classify: classify === 'auto' ? true : (classify as 'softmax') }),
    ...(pixels && classify !== '' && classes !== '' && { classes: classes.split(',').map((name) => name.trim()) }),
  }
}

const quoted = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

/** The command that makes the same artefacts. */
export function commandOf(c: Choices, file: string): string {
  const each = (option: string, values: Readonly<Record<string, unknown>>): string[] =>
    Object.entries(values).map(([name, value]) => `--${option} ${quoted(`${name}=${String(value)}`)}`)
  const { mean, std, ...picture } = c.preprocess
  const data = c.calibration.length > 1 ? 'pictures/' : c.calibration[0]?.name
  return [
    `npx attar compile ${quoted(file)} -o out --name ${quoted(nameOf(file))}`,
    ...[...each('dim', c.dims), ...each('shape', c.shapes), ...each('bind', c.bind)],
    ...[...each('state', c.state), ...each('state-init', c.stateInit)],
    ...(c.target === 'both' ? [] : [`--target ${c.target}`]),
    ...(c.sparse === 'speed' ? [] : [`--sparse ${c.sparse}`]),
    ...(c.inline ? ['--inline'] : []),
    ...(c.quantize ? [`--quantize ${c.quantize}`] : []),
    ...(c.bits === 4 ? ['--bits 4'] : []),
    ...(data === undefined ? [] : [`--calib ${quoted(data)}`]),
    ...(c.pixels ? ['--pixels'] : []),
    ...(c.classify ? [c.classify === true ? '--classify' : `--classify ${c.classify}`] : []),
    ...(c.classes ? [`--classes ${quoted(c.classes.join(','))}`] : []),
    ...(c.pixels || data !== undefined
      ? Object.entries({ ...picture, ...(mean && { mean }), ...(std && { std }) }).map(
          ([name, value]) => `--${name} ${quoted(String(value))}`,
        )
      : []),
  ].join(' ')
}

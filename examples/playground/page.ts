import { Compiler, Failed, Stopped } from './compiler.ts'
import { count, download, element, make, table, takesFiles } from './elements.ts'
import { BadField, choices, commandOf, isComplete, setCalibration, settle, showOptions } from './options.ts'
import type { CompiledModel, Failure, Opened, Ran, ShownFile, Timing } from './protocol.ts'

const compiler = new Compiler()
let opened: Opened | undefined
let files: readonly ShownFile[] = []
let seed = 1
/** Values of a model's data that come with an example. */
let ownData: readonly File[] = []

const progress = (text: string): void => {
  element('status').hidden = false
  element('status').textContent = `${text} …`
}
const inspected = (html: string): void => showReport('model', html)
const listener = { progress, inspected }

/** One thing at a time: what starts others waits, and what fails is told. */
let busy = false
async function task(body: () => Promise<void>): Promise<void> {
  if (busy) return
  setBusy(true)
  element('failures').replaceChildren()
  try {
    await body()
  } catch (error) {
    if (error instanceof Failed) showFailures(error.failures)
    else if (error instanceof BadField) showFailures([{ message: error.message }])
    else if (!(error instanceof Stopped)) throw error
  } finally {
    setBusy(false)
    element('status').hidden = true
  }
}

function setBusy(is: boolean): void {
  busy = is
  document.body.ariaBusy = String(is)
  for (const id of ['compile', 'example', 'random', 'measure', 'zip']) element<HTMLButtonElement>(id).disabled = is
  for (const id of ['model-files', 'run-files']) element<HTMLInputElement>(id).disabled = is
  element('stop').hidden = !is
}

function showFailures(failures: readonly Failure[]): void {
  element('failures').replaceChildren(
    ...failures.map(({ code, kind, place, message, hint }) =>
      make(
        'div',
        { class: 'failure' },
        ...(code ? [make('p', { class: 'note' }, `${code} ${kind ?? ''}`)] : []),
        ...(place ? [make('p', {}, 'In ', make('code', {}, place))] : []),
        make('p', { class: 'what' }, message),
        ...(hint ? [make('p', {}, `Hint: ${hint}`)] : []),
      ),
    ),
  )
}

/** The compiler's own pages, in which what models say is escaped. */
function showReport(id: 'model' | 'module', html: string): void {
  element(id).innerHTML = html
  element(id === 'model' ? 'model-inside' : 'bytes').hidden = false
  // What scrolls must be reached by keys.
  for (const each of [element(id), ...element(id).querySelectorAll<HTMLElement>('.diagram')]) each.tabIndex = 0
}

const open = (given: readonly File[], data: readonly File[] = []): Promise<void> =>
  task(async () => {
    forget()
    for (const id of ['options', 'model-inside', 'model-name']) element(id).hidden = true
    opened = undefined
    progress('opening')
    const found = await compiler.open(given, listener)
    opened = found
    ownData = data
    element('model-name').textContent = `${found.name}, ${count(found.bytes)} bytes`
    element('model-name').hidden = element('options').hidden = false
    showOptions(found)
    if (ownData.length > 0) setCalibration(ownData)
    if (isComplete()) await compile()
    else showFailures([{ message: 'The model leaves sizes open. Fill them in, then compile.' }])
  })

function forget(): void {
  files = []
  for (const id of ['result', 'trial', 'bytes']) element(id).hidden = true
  for (const id of ['outputs', 'timings']) element(id).replaceChildren()
}

async function compile(): Promise<void> {
  const chosen = choices()
  forget()
  const compiled = await compiler.compile(chosen, listener)
  files = compiled.files
  element('command').textContent = commandOf(chosen, opened!.name)
  showCompiled(compiled)
  element('trial').hidden = false
  await run(ownData)
}

function showCompiled({ model, modules, files, notes, ms }: CompiledModel): void {
  showReport('model', model)
  element('result').hidden = false
  element('result-note').textContent = [`Compiled in ${(ms / 1000).toFixed(1)} s in this page.`, ...notes].join('\n')
  element('files').replaceChildren(
    ...files.map(({ name, bytes, gzip }) => {
      const button = make('button', { type: 'button', 'aria-label': `Download ${name}` }, 'Download')
      button.addEventListener('click', () => download(name, bytes))
      const cells = [count(bytes.length), count(gzip), button].map((cell) => make('td', {}, cell))
      return make('tr', {}, make('th', { scope: 'row' }, name), ...cells)
    }),
  )
  const tabs = modules.map(({ target, html }, i) => {
    const tab = make('button', { type: 'button', 'aria-pressed': String(i === 0) }, target)
    tab.addEventListener('click', () => {
      for (const each of tabs) each.ariaPressed = String(each === tab)
      showReport('module', html)
    })
    return tab
  })
  element('module-tabs').replaceChildren(...(tabs.length > 1 ? tabs : []))
  showReport('module', modules[0]!.html)
}

async function run(data: readonly File[]): Promise<void> {
  progress('running')
  showOutputs(await compiler.run({ files: data, seed }, listener))
}

function showOutputs({ source, target, outputs, classes }: Ran): void {
  element('outputs').replaceChildren(
    make('p', { class: 'note' }, `On ${source}, by the ${target} module.`),
    ...(classes
      ? [
          table(
            ['class', 'score'],
            classes.map(({ label, score }) => [label, score.toFixed(4)]),
          ),
        ]
      : []),
    table(
      ['output', 'type', 'values'],
      outputs.map(({ name, type, values, count: all }) => {
        const rest = all > values.length ? ` … ${count(all - values.length)} more` : ''
        return [name, type, make('span', { class: 'values' }, values.join(' ') + rest)]
      }),
    ),
  )
  for (const cell of element('outputs').querySelectorAll('.values')) cell.parentElement!.className = 'text long'
  for (const each of element('outputs').querySelectorAll<HTMLElement>('.diagram')) each.tabIndex = 0
}

/** Three digits. */
const short = (ms: number): string => (ms < 0.0005 ? '0' : String(Number(ms.toPrecision(3))))

function showTimings(timings: readonly Timing[]): void {
  element('timings').replaceChildren(
    make('h3', {}, 'Milliseconds in this browser'),
    table(
      ['module', 'load', 'first run', 'median run', '10 % to 90 %', 'runs measured'],
      timings.map(({ target, load, first, median, low, high, batches, each }) => [
        ...[target, short(load), short(first), short(median)],
        ...[`${short(low)} to ${short(high)}`, `${count(batches)} × ${count(each)}`],
      ]),
    ),
    make(
      'p',
      { class: 'note' },
      'On the values above, in a worker of this page. The first run comes before the browser has optimized the code; the median is of runs after a warm-up. Modules take turns. Clocks of pages are coarse, so short runs are timed several at a time.',
    ),
  )
  element('timings').querySelector<HTMLElement>('.diagram')!.tabIndex = 0
}

const form = element<HTMLFormElement>('options')
form.addEventListener('change', settle)
form.addEventListener('submit', (event) => {
  event.preventDefault()
  void task(compile)
})
element('stop').addEventListener('click', () => {
  forget()
  void compiler.stop().catch((error: unknown) => {
    if (error instanceof Failed) showFailures(error.failures)
  })
})

takesFiles(element('pick'), element<HTMLInputElement>('model-files'), (given) => void open(given))
takesFiles(element('calibration'), element<HTMLInputElement>('calibration-files'), setCalibration)
takesFiles(element('trial'), element<HTMLInputElement>('run-files'), (given) => {
  void task(async () => {
    ownData = given
    await run(given)
  })
})
element('calibration-clear').addEventListener('click', () => setCalibration([]))
// A file that misses its place must not take the page away.
for (const type of ['dragover', 'drop']) document.addEventListener(type, (event) => event.preventDefault())

element('example').addEventListener('click', () => {
  void task(async () => {
    progress('loading the example')
    return Promise.all(
      ['digits.onnx', 'test.npz'].map(async (name) => {
        const response = await fetch(`examples/${name}`)
        if (!response.ok) throw new Failed([{ message: `The example could not be loaded: ${response.status}` }])
        return new File([await response.arrayBuffer()], name)
      }),
    ).then(([onnx, data]) => void setTimeout(() => void open([onnx!], [data!])))
  })
})
element('random').addEventListener('click', () => {
  void task(async () => {
    ownData = []
    seed++
    await run([])
  })
})
element('measure').addEventListener('click', () => void task(async () => showTimings(await compiler.measure(listener))))
element('zip').addEventListener('click', () => {
  const name = files[0]!.name.replace(/\..*$/, '')
  void task(async () => download(`${name}.zip`, await compiler.zip(files, listener)))
})

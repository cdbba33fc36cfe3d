import { confusionTable } from './confusion.ts'
import { escape, escapeLines, figure, note, page, section, table } from './frame.ts'
import { loadLibraries } from './libraries.ts'
import { curves, type Curve } from './plots/curves.ts'
import { front, type TriedModel } from './plots/front.ts'

/** One sample on which the chosen model says something else than the first one. */
export interface ChangedSample {
  readonly label: string
  readonly before: string
  readonly after: string
  /** The sample as a PNG in base64, or as text. */
  readonly picture?: string
  readonly text?: string
}

/** What a search for a small model came to, as it is shown. */
export interface OptimizationContent {
  readonly model: string
  /** The first lines: what was chosen, and what it is worth. */
  readonly summary: readonly string[]
  readonly isMissed: boolean
  readonly figures: readonly { readonly what: string; readonly value: string; readonly more: string }[]
  readonly tried: readonly (TriedModel & {
    readonly how: string
    readonly ms: number
    readonly worthText: string
    readonly lost: string
    readonly over: string
  })[]
  readonly worthLabel: string
  readonly better: 'more' | 'less'
  readonly limits: { readonly bytes?: number | undefined; readonly worth?: number | undefined }
  readonly stages: readonly (readonly [stage: string, what: string, time: string, note: string])[]
  readonly curves: readonly Curve[]
  readonly curveLabel: string
  readonly confusion?: {
    readonly data: string
    readonly classes: readonly string[]
    readonly before: readonly (readonly number[])[]
    readonly after: readonly (readonly number[])[]
  }
  readonly changed: readonly ChangedSample[]
  readonly changedCount: number
  readonly widths: readonly (readonly [layer: string, before: string, after: string])[]
  readonly integers: readonly (readonly [layer: string, bits: string, before: string, after: string])[]
  readonly kernels: readonly { readonly what: string; readonly rows: readonly (readonly string[])[] }[]
  readonly reproduce: readonly { readonly what: string; readonly text: string }[]
}

/** A search for a small model as one HTML page: what was tried, what was chosen, and how it differs. */
export async function optimizationPage(content: OptimizationContent): Promise<string> {
  const libraries = await loadLibraries()
  const { tried, changed, confusion, widths, integers, kernels, reproduce } = content
  const trial = tried.map((one, i) => [
    `${i + 1} ${one.name}${one.kind === 'chosen' ? ' ★' : one.kind === 'control' ? ' ×' : ''}`,
    one.bytes.toLocaleString('en-US'),
    one.ms.toPrecision(3),
    ...[one.worthText, one.lost, one.over, one.how],
  ])
  const parts = [
    `<h1>${escape(content.model)}, made smaller</h1>`,
    ...content.summary.map((line, i) => `<p${i === 0 ? ' class="lead"' : ''}>${escape(line)}</p>`),
    ...(content.isMissed ? ['<p class="missed">The budget is not kept. This is the nearest miss.</p>'] : []),
    `<div class="figures">${content.figures.map(({ what, value, more }) => `<div><span>${escape(what)}</span><b>${escape(value)}</b><span>${escape(more)}</span></div>`).join('')}</div>`,
    section('What was tried', [
      figure(
        'Bytes and accuracy',
        'A circle is a model that was tried, the star the one that was chosen, a cross a control. The line is the front: nothing is smaller and better. Dashed lines are limits of the budget. Numbers are those of the table.',
        front(libraries, tried, content.worthLabel, content.better, content.limits),
      ),
      table(['model', 'bytes', 'ms', content.worthLabel, 'lost', 'over the budget', 'how'], trial),
      note(
        'Measured on the validation data, which chose among them. Milliseconds are the median of runs in this process.',
      ),
      table(['stage', 'what', 'time', ''], content.stages),
    ]),
    ...(content.curves.length === 0
      ? []
      : [
          section('How the trainings went', [
            figure(
              content.curveLabel,
              'The full line is the validation data, the dashed one the training data, after each epoch. The last value is beside its line.',
              curves(libraries, content.curves),
            ),
          ]),
        ]),
    ...(confusion
      ? [
          section('What is taken for what', [
            note(`On the ${confusion.data} data, before and after. Bold is right.`),
            `<div class="pair">${confusionTable('the model as it is', confusion.classes, confusion.before)}${confusionTable('the chosen model', confusion.classes, confusion.after)}</div>`,
          ]),
        ]
      : []),
    ...(content.changedCount === 0
      ? []
      : [
          section('Samples whose answer changed', [
            note(
              `${content.changedCount.toLocaleString('en-US')} samples have another answer${changed.length < content.changedCount ? `; these are ${changed.length} of them` : ''}.`,
            ),
            `<div class="samples">${changed.map(sample).join('')}</div>`,
          ]),
        ]),
    section('Layer by layer', [
      ...(widths.length === 0 ? [] : ['<h3>Output channels</h3>', table(['layer', 'before', 'after'], widths)]),
      ...(integers.length === 0
        ? []
        : ['<h3>Integers</h3>', table(['layer', 'bits of weights', 'bytes in f32', 'bytes now'], integers)]),
      ...kernels.flatMap(({ what, rows }) => [
        `<h3>${escape(what)}</h3>`,
        table(['last node of the kernel', 'kernel', 'multiply-adds', 'µs', 'share'], rows),
      ]),
    ]),
    section(
      'To do it again',
      reproduce.flatMap(({ what, text }) => [note(what), `<pre>${escapeLines(text)}</pre>`]),
    ),
  ]
  return page(`${content.model}: attar`, parts)
}

function sample({ label, before, after, picture, text }: ChangedSample): string {
  const shown = picture
    ? `<img alt="" src="data:image/png;base64,${picture}">`
    : text === undefined
      ? ''
      : `<p class="text">${escape(text)}</p>`
  return `<figure>${shown}<figcaption>${label === '' ? '' : `is <b>${escape(label)}</b><br>`}before: ${escape(before)}<br>after: ${escape(after)}</figcaption></figure>`
}

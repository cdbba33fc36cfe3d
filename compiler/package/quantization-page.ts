import { log, pow } from '../core/math/index.ts'
import { printable } from '../core/diagnostics/printable.ts'
import type { LayerReport, QuantizationReport, RangeReport } from '../core/artefact/quantization-report.ts'
import { generator } from './names.ts'

/** Escaped for HTML text and quoted attributes. */
const escaped = (text: string): string =>
  printable(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const percent = (x: number, digits = 2): string => `${(100 * x).toFixed(digits)} %`
const count = (n: number): string => n.toLocaleString('en-US')
const short = (x: number): string => (x === 0 ? '0' : Math.abs(x) >= 1e-3 ? x.toPrecision(3) : x.toExponential(1))
const dB = (x: number | null): string => (x === null ? '–' : `${x.toFixed(1)} dB`)

const style = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #667085; --line: #d8dde6; --bar: #3b6fd4; --warn: #c2410c; --back: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9f0; --soft: #98a2b3; --line: #344054; --bar: #7aa2f7; --warn: #fb923c; --back: #12161f; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); max-width: 62rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto } .wide code { display: inline-block; min-width: 12rem } th { overflow-wrap: normal }
h1 { font-size: 1.5rem; margin: 0 0 .2rem } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem }
p { margin: .3rem 0 } .soft { color: var(--soft) }
.figures { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1.2rem 0 }
.figures div { min-width: 8rem } .figures b { display: block; font-size: 1.35rem; font-weight: 600 }
table { border-collapse: collapse; width: 100%; font-size: .86rem } th, td { text-align: left; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: middle }
th { color: var(--soft); font-weight: 500 } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere }
svg { display: block } .kept { color: var(--warn) }
ol { padding-left: 1.3rem } ol li { margin: .5rem 0 }`

/** Counts as bars, on a logarithmic scale so that rare values show, with what lies outside the stored range in another colour. */
function histogram({ histogram: { from, to, counts }, low, high }: RangeReport): string {
  const [width, height] = [220, 36]
  const largest = log(1 + Math.max(...counts, 1))
  const step = width / counts.length
  const bars = counts.flatMap((n, i) => {
    if (n === 0) return []
    const tall = Math.max(1, (height * log(1 + n)) / largest)
    const middle = from + ((i + 0.5) / counts.length) * (to - from)
    const inside = middle >= Math.min(0, low) && middle <= Math.max(0, high)
    const [x, y] = [(i * step).toFixed(1), (height - tall).toFixed(1)]
    return `<rect x="${x}" y="${y}" width="${(step - 0.4).toFixed(1)}" height="${tall.toFixed(1)}" fill="var(--${inside ? 'bar' : 'warn'})"/>`
  })
  const label = `values from ${short(from)} to ${short(to)}, stored from ${short(low)} to ${short(high)}`
  return `<svg role="img" aria-label="${label}" width="${width}" height="${height + 14}"><title>${label}</title>${bars.join('')}
<line x1="0" x2="${width}" y1="${height}" y2="${height}" stroke="var(--line)"/>
<text x="0" y="${height + 12}" font-size="10" fill="var(--soft)">${short(from)}</text>
<text x="${width}" y="${height + 12}" font-size="10" text-anchor="end" fill="var(--soft)">${short(to)}</text></svg>`
}

function bar(share: number, warn: boolean): string {
  const width = 160
  return `<svg width="${width}" height="12" aria-hidden="true"><rect width="${width}" height="12" fill="var(--line)" opacity=".4"/><rect width="${(width * share).toFixed(1)}" height="12" fill="var(--${warn ? 'warn' : 'bar'})"/></svg>`
}

/** The part of the range that holds all but a hundredth of the values at either end. */
function crowded({ histogram: { counts }, ...range }: RangeReport): number {
  const total = counts.reduce((a, b) => a + b, 0)
  const edge = (list: readonly number[]): number => {
    let seen = 0
    return list.findIndex((n) => (seen += n) > total / 100)
  }
  const bins = Math.max(1, counts.length - edge(counts) - edge(counts.toReversed()))
  const { from, to } = { from: range.low, to: range.high }
  return to > from ? Math.min(1, bins / counts.length) : 1
}

/** What the figures say about where a layer's noise comes from. */
function reason(layer: LayerReport): string {
  const input = layer.inputs.reduce<RangeReport | undefined>(
    (worst, range) => ((range.sqnrDb ?? Infinity) < (worst?.sqnrDb ?? Infinity) ? range : worst),
    undefined,
  )
  const [weights, inputs] = [layer.weightsSqnrDb ?? Infinity, input?.sqnrDb ?? Infinity]
  if (input && inputs <= weights) {
    const part = crowded(input)
    const rare = `98 % of its input’s values lie in ${percent(part, 0)} of the range ${short(input.low)} … ${short(input.high)}, so they share few of the 256 steps`
    const noise = `its input has ${dB(input.sqnrDb)} left of signal over noise, its weights ${dB(layer.weightsSqnrDb)}`
    return part < 0.5 ? `${rare}; ${noise}` : noise
  }
  if (weights === Infinity) return 'it was measured as a whole only'
  const own = `its weights are the coarser part: ${dB(layer.weightsSqnrDb)} of signal over noise`
  return input ? `${own}, its input ${dB(input.sqnrDb)}` : own
}

/** Noise that layers add, the largest first: of the model's outputs where that was measured, else of their own results. */
function harm(layer: LayerReport): number {
  if (layer.sensitivity !== null) return layer.sensitivity
  return layer.resultSqnrDb === null ? 0 : pow(10, -layer.resultSqnrDb / 10)
}

function figures({ accuracy, floatBytes, bytes, layers }: QuantizationReport): string {
  const counted = (is: (layer: LayerReport) => boolean): number => layers.filter(is).length
  const kept = counted(({ kept }) => kept !== null)
  const more = [
    [counted(({ bits }) => bits === 3), 'of 3 bits'],
    [counted(({ bits }) => bits === 4), 'of 4 bits'],
    [counted(({ kept, bits }) => kept !== null && bits < 32), 'with weights alone as integers'],
    [counted(({ bits }) => bits === 32), 'in f32'],
  ] as const
  const shown: [string, string, string][] = [
    [
      'weights',
      `${count(floatBytes)} → ${count(bytes)}`,
      `bytes, ${(floatBytes / Math.max(1, bytes)).toFixed(1)} times smaller`,
    ],
    [
      'layers',
      `${layers.length - kept} of ${layers.length}`,
      ['in integers', ...more.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`)].join(', '),
    ],
  ]
  if (accuracy) {
    const { metric, float, quantized, drop, interval, samples, agreement, sqnrDb } = accuracy
    const value = (x: number): string => (metric === 'mse' ? short(x) : percent(x))
    const [low, high] = interval.map((x) => percent(x))
    shown.unshift([
      metric,
      `${value(float)} → ${value(quantized)}`,
      `drop ${percent(drop)} (95 %: ${low} to ${high}), ${count(samples)} samples`,
    ])
    if (agreement !== null)
      shown.push(['same prediction', percent(agreement), `outputs: ${dB(sqnrDb)} of signal over noise`])
  }
  const cell = ([name, value, more]: readonly string[]): string =>
    `<div><span class="soft">${name}</span><b>${value}</b><span class="soft">${more}</span></div>`
  return `<div class="figures">${shown.map(cell).join('')}</div>`
}

/** What of a layer is in f32 that was to be in integers. */
const inFloats = ({ bits }: LayerReport): string => (bits === 32 ? 'all of it' : 'activations')

/** What was observed on samples has no columns where there were none. */
function row(layer: LayerReport, largest: number, isObserved: boolean): string {
  const plots = layer.inputs.map(histogram).join('') || '<span class="soft">–</span>'
  const kept =
    layer.kept === null ? '' : `<br><span class="kept">${inFloats(layer)} in f32: ${escaped(layer.kept)}</span>`
  const size = layer.floatBytes > 0 ? `${count(layer.floatBytes)} → ${count(layer.bytes)}` : '–'
  const observed = `<td class="n">${layer.inputs.map((r) => dB(r.sqnrDb)).join('<br>') || '–'}</td><td class="n">${dB(layer.resultSqnrDb)}</td><td>${plots}</td>`
  const noise = `<td>${bar(harm(layer) / largest, layer.kept !== null)}</td>`
  return `<tr><td><code>${escaped(layer.name)}</code><br><span class="soft">${escaped(layer.operator)}</span>${kept}</td>
<td class="n">${size}</td><td class="n">${dB(layer.weightsSqnrDb)}</td>${isObserved ? observed : ''}${largest > 0 ? noise : ''}</tr>`
}

/** One page without scripts or anything to load: what quantization cost, which layers hurt, and why. */
export function quantizationPage(report: QuantizationReport, name: string): string {
  const { layers, techniques, notes, mode, samples, seed, maxDrop, withinBudget } = report
  const ranked = layers.filter((layer) => harm(layer) > 0).sort((a, b) => harm(b) - harm(a))
  const largest = Math.max(0, ...layers.map(harm))
  const total = layers.reduce((sum, layer) => sum + harm(layer), 0)
  const measured = layers.some((layer) => layer.sensitivity !== null)
  const worst = ranked.slice(0, 5).map((layer) => {
    const part = `${percent(harm(layer) / total, 0)} of the noise that layers add one by one`
    return `<li><code>${escaped(layer.name)}</code>: ${part}; ${escaped(reason(layer))}${layer.kept === null ? '' : `; <span class="kept">${inFloats(layer)} left in f32</span>`}</li>`
  })
  const budget =
    maxDrop === null
      ? ''
      : `<p>Allowed drop: ${percent(maxDrop)}, ${withinBudget ? 'kept' : '<span class="kept">not kept</span>'}.</p>`
  const isObserved = samples > 0
  const worstOnes =
    worst.length === 0
      ? ''
      : `<h2>Which layers hurt, and why</h2>
<p class="soft">${measured ? 'Each layer was quantized alone, and the noise of the model’s outputs measured.' : 'By the noise of each layer’s own result; what it does to the outputs was not measured.'}</p>
<ol>${worst.join('')}</ol>
`
  const how = isObserved ? `, calibrated on ${count(samples)} samples (seed ${seed})` : ': no samples were needed'
  const legend = isObserved
    ? 'Signal over noise of the weights, of the activations read, and of the layer’s result from exact inputs. The plots count the activations’ values (logarithmic); what the stored range leaves out is in the other colour.'
    : 'Signal over noise of the weights.'
  const done = techniques.length > 0 ? `; ${techniques.join('; ')}` : ''
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${generator}<title>${escaped(name)}: quantization</title><style>${style}</style></head>
<body><h1>${escaped(name)}, quantized</h1>
<p class="soft">Mode ${mode}${how}${escaped(done)}.</p>
${figures(report)}${budget}${notes.map((note) => `<p class="soft">${escaped(note)}</p>`).join('')}
${worstOnes}<h2>Layer by layer</h2>
<p class="soft">${legend} Every 6 dB are one bit.</p>
<div class="wide"><table><thead><tr><th>layer</th><th class="n">weights, bytes</th><th class="n">weights</th>${isObserved ? '<th class="n">input</th><th class="n">result</th><th>values of the input</th>' : ''}${largest > 0 ? '<th>noise of the outputs</th>' : ''}</tr></thead>
<tbody>${layers.map((layer) => row(layer, largest, isObserved)).join('\n')}</tbody></table></div>
</body></html>
`
}

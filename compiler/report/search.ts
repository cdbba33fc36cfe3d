import { escape, figure, note, page, section, table } from './frame.ts'
import { loadLibraries } from './libraries.ts'
import { front, type TriedModel } from './plots/front.ts'
import { parameterPlot, type ParameterTrials } from './plots/parameters.ts'
import { trialCurves, type TrialCurve } from './plots/trials.ts'

/** What a search for values of a configuration came to, as it is shown. */
export interface SearchContent {
  readonly config: string
  readonly summary: readonly string[]
  /** Values that were found, and the defaults. */
  readonly values: readonly (readonly [name: string, best: string, start: string])[]
  readonly curves: readonly TrialCurve[]
  readonly worthLabel: string
  readonly better: 'more' | 'less'
  readonly parameters: readonly ParameterTrials[]
  /** Where bytes are an objective. */
  readonly models: readonly TriedModel[]
  readonly finals: readonly (readonly string[])[]
  readonly trials: { readonly header: readonly string[]; readonly rows: readonly (readonly string[])[] }
  readonly command: string
}

/** A search as one HTML page: what was tried, what was found, and whether it is better than the defaults. */
export async function searchPage(content: SearchContent): Promise<string> {
  const libraries = await loadLibraries()
  const { worthLabel, parameters, models, finals, trials } = content
  return page(`${content.config}: attar tune`, [
    `<h1>${escape(content.config)}, tuned</h1>`,
    ...content.summary.map((line, i) => `<p${i === 0 ? ' class="lead"' : ''}>${escape(line)}</p>`),
    table(['value', 'best', 'default'], content.values),
    section('Best against the defaults', [
      note(
        'Each trained again with seeds of its own. The validation data chose the best; nothing looked at the test data before.',
      ),
      table(['training', 'seed', 'validation', 'test'], finals),
    ]),
    section('What was tried', [
      figure(
        'Trainings',
        'Each line is a trial: the thick one is the best, dashed ones were ended early.',
        trialCurves(libraries, content.curves, worthLabel),
      ),
      ...(models.length === 0
        ? []
        : [
            figure(
              'Bytes and accuracy',
              'A circle is a trial, the star the best one. The line is the front: nothing is smaller and better. Numbers are those of the trials below.',
              front(libraries, models, worthLabel, content.better, {}),
            ),
          ]),
      '<h3>Value by value</h3>',
      note('Trials that came to their end; the star is the best.'),
      `<div class="pair">${parameters.map((one) => `<div class="diagram small">${parameterPlot(libraries, one, worthLabel)}</div>`).join('')}</div>`,
      '<h3>All trials</h3>',
      table(trials.header, trials.rows),
    ]),
    section('To do it again', [`<pre>${escape(content.command)}</pre>`]),
  ])
}

import type { Imported } from '../../index.ts'
import { toJson } from '../format.ts'
import type { Terminal } from '../terminal.ts'
import { isWithin } from './candidate.ts'
import type { OptimizeOptions } from './options.ts'
import { pageContent } from './page-content.ts'
import { isPlan } from './plan.ts'
import { describe, reportOf, type OptimizationReport } from './results.ts'
import { optimized } from './run.ts'

/** What `attar compile --train` compiles, and the files that tell of it. */
export type Searched =
  | { readonly planned: true }
  | {
      readonly planned: false
      readonly source: Imported
      readonly files: Readonly<Record<string, string>>
      readonly report: OptimizationReport
      readonly lines: readonly string[]
      /** Most bytes of a module. */
      readonly size: number | undefined
      /** The budget does not hold, or the search was interrupted. */
      readonly isMissed: boolean
    }

/** Looks for a model within the budget that the options give; with `--plan`, says what that would do. */
export async function optimize(
  path: string,
  options: OptimizeOptions & { readonly plan?: string | true },
  terminal: Terminal,
): Promise<Searched> {
  const { plan, ...rest } = options
  const result = await optimized(path, { ...rest, plan: plan !== undefined }, terminal)
  if (isPlan(result)) {
    if (options.json) terminal.out(toJson(result))
    return { planned: true }
  }
  const report = reportOf(result)
  const { best, interrupted } = result
  const { searchFiles } = await import('../../index.ts')
  const { optimizationPage } = await import('../../report/optimization.ts')
  const page = await optimizationPage(await pageContent(result, path, options, terminal))
  return {
    ...{ planned: false, source: best.source, report, size: report.budget.size },
    files: { [searchFiles.data]: `${JSON.stringify(report, null, 2)}\n`, [searchFiles.page]: page },
    lines: describe(result),
    isMissed: interrupted || !isWithin(best),
  }
}

import { formatCount, formatTable, paragraphs } from '../format.ts'
import type { Check, Timing } from './checks.ts'
import type { Facts } from './facts.ts'

const digits = (value: number): string =>
  value < 100 ? String(Number(value.toPrecision(3))) : formatCount(Math.round(value))

function amount(value: number | string, unit: Check['unit']): string {
  if (typeof value === 'string') return value
  if (unit === 'bytes') return `${formatCount(value)} B`
  return `${digits(value)} ${unit}`
}

export const valueOf = ({ value, unit }: Check): string => amount(value, unit)
export const limitOf = ({ limit, unit }: Check): string => amount(limit, unit)

/** e.g. `latency on node (workers-free)` */
export const titleOf = ({ check, engine, of }: Check): string =>
  `${check}${engine === null ? '' : ` on ${engine}`} (${of})`

/** A table of the checks, then what failed and why, then where platforms' limits are documented. */
export function describe(
  { name, download: { files } }: Facts,
  checks: readonly Check[],
  timings: readonly Timing[],
  budget: string | undefined,
): string[] {
  const header = ['check', 'of', 'measured', 'allowed', '']
  const rows = checks.map((check) => [
    check.engine === null ? check.check : `${check.check}, ${check.engine}`,
    check.of,
    valueOf(check),
    limitOf(check),
    check.passed ? 'ok' : 'FAILED',
  ])
  const failed = checks.filter(({ passed }) => !passed)
  const sources = new Map(
    checks.flatMap(({ of, source }) => (source ? [[`${of} ${source.url}`, { of, ...source }] as const] : [])),
  )
  const facts = [
    ['model', name],
    ['download', files.join(' + ')],
    ...(budget === undefined ? [] : [['budget', budget]]),
    ...timings.map(({ engine, version }) => ['engine', `${engine} (${version})`]),
  ]
  const ratios = checks.some(({ unit }) => unit === 'x')
  return paragraphs([
    formatTable(facts, [1]),
    formatTable([header, ...rows], [1, 4]),
    ...(ratios ? [['x: times what a million f32 multiply-adds in registers take, measured in turns with it']] : []),
    ...(failed.length > 0 ? [failed.flatMap(reasons)] : []),
    ...(sources.size > 0
      ? [
          formatTable(
            [...sources.values()].map(({ of, url, read }) => [of, url, read]),
            [1, 2],
          ),
        ]
      : []),
    [failed.length === 0 ? `all ${checks.length} checks passed` : `${failed.length} of ${checks.length} checks failed`],
  ])
}

const reasons = (check: Check): string[] => [
  `FAILED ${titleOf(check)}: ${valueOf(check)}, allowed is ${limitOf(check)}`,
  ...(check.note === undefined ? [] : [`  ${check.note}`]),
]

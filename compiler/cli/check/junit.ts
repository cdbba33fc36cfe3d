import { printable } from '../../core/diagnostics/printable.ts'
import type { Check } from './checks.ts'
import { limitOf, titleOf, valueOf } from './format.ts'

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text: string): string => printable(text).replaceAll(/[&<>"]/g, (character) => entities[character]!)

/** The checks as JUnit's XML, which CI systems show: a test case for each, in one suite. */
export function junit(model: string, checks: readonly Check[]): string {
  const cases = checks.map((check) => {
    const { passed, note, source } = check
    const message = `${check.check} is ${valueOf(check)}, allowed is ${limitOf(check)}`
    const details = [note, source?.url].filter((each) => each !== undefined).join('\n')
    const head = `  <testcase classname="${escaped(`attar.${model}`)}" name="${escaped(titleOf(check))}"`
    return passed
      ? `${head}/>`
      : `${head}>\n    <failure message="${escaped(message)}">${details.split('\n').map(escaped).join('\n')}</failure>\n  </testcase>`
  })
  const failures = checks.filter(({ passed }) => !passed).length
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
<testsuite name="${escaped(`attar check ${model}`)}" tests="${checks.length}" failures="${failures}" errors="0" skipped="0">
${cases.join('\n')}
</testsuite>
</testsuites>
`
}

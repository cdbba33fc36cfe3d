import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { absent } from '../../compiler/onnx/ops/absent.ts'
import { operators } from '../../compiler/onnx/ops/index.ts'

const markers = [
  '<!-- Operators. Generated: UPDATE_OPERATORS=1 npx vitest run test/onnx/operator-list.test.ts -->\n',
  '<!-- End of operators -->\n',
] as const

const domainOf = (key: string): string => (key.includes('.') ? key.slice(0, key.lastIndexOf('.')) : 'ai.onnx')
const nameOf = (key: string): string => key.slice(key.lastIndexOf('.') + 1)

/** A space that lines do not break at. */
const glue = '\0'

/** `text` in lines of at most 120 characters. */
function wrapped(text: string, indent = ''): string {
  const lines = text.split(' ').reduce<string[]>((all, word) => {
    const last = all.at(-1)
    if (last === undefined) return [word]
    if (last.length + 1 + word.length <= 120) return [...all.slice(0, -1), `${last} ${word}`]
    return [...all, indent + word]
  }, [])
  return lines.join('\n').replaceAll(glue, ' ')
}

/** The operators by domain, then what some of them do not take. */
function operatorList(): string {
  const keys = Object.keys(operators).sort((a, b) => (nameOf(a).toLowerCase() < nameOf(b).toLowerCase() ? -1 : 1))
  const domains = [...new Set(['ai.onnx', ...keys.map(domainOf).sort()])]
  const lists = domains.map((domain) => {
    const own = keys.filter((key) => domainOf(key) === domain)
    const names = own.map((key) => {
      const { since = 1 } = operators[key]!
      return since > 1 ? `${nameOf(key)}${glue}(${since})` : nameOf(key)
    })
    return wrapped(`**${domain}** (${own.length}): ${names.join(', ')}.`)
  })
  const limited = new Map<string, string[]>()
  for (const key of keys) {
    const { limits } = operators[key]!
    if (limits !== undefined) limited.set(limits, [...(limited.get(limits) ?? []), nameOf(key)])
  }
  const limits = [...limited].map(([limit, names]) => wrapped(`- ${names.join(', ')}: ${limit}.`, '  '))
  return [...lists, limits.join('\n')].join('\n\n')
}

it('stands in docs/models.md', () => {
  const guide = readFileSync('docs/models.md', 'utf8')
  const [from, to] = [guide.indexOf(markers[0]) + markers[0].length, guide.indexOf(markers[1])]
  expect(to).toBeGreaterThanOrEqual(from)
  const list = `\n${operatorList()}\n\n`
  if (process.env.UPDATE_OPERATORS) writeFileSync('docs/models.md', guide.slice(0, from) + list + guide.slice(to))
  const written = readFileSync('docs/models.md', 'utf8')
  expect(written.slice(written.indexOf(markers[0]) + markers[0].length, written.indexOf(markers[1]))).toBe(list)
})

it('has no operator that is said to be absent', () => {
  expect(Object.keys(absent).filter((key) => Object.hasOwn(operators, key))).toEqual([])
})

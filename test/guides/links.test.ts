import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { codes } from '../../compiler/core/diagnostics/diagnostic.ts'
import { guideTo, guides } from './markdown.ts'

const examples = readdirSync('examples').map((name) => `examples/${name}/README.md`)
const documents = [
  'SECURITY.md',
  ...guides.map(({ file }) => file),
  'compiler/README.md',
  'compiler/SPEED.md',
  ...examples,
]

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .trim()
    .replaceAll(' ', '-')

const anchors = (file: string): string[] =>
  [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!))

it.each(documents)('%s links to what there is', (file) => {
  const text = readFileSync(file, 'utf8').replaceAll(/^```[^]*?^```$/gm, '')
  const links = [...text.matchAll(/\]\((?!https?:)([^)\s]*)\)/g)].map(([, target]) => target!)
  const broken = links.filter((target) => {
    const [path = '', anchor] = target.split('#')
    const place = path === '' ? file : join(dirname(file), path)
    return !existsSync(place) || (anchor !== undefined && !anchors(place).includes(anchor))
  })
  expect(broken).toEqual([])
})

it('the tests that stand for a promise are there', () => {
  for (const file of ['SECURITY.md', 'compiler/README.md']) {
    const text = readFileSync(file, 'utf8')
    const rows =
      file === 'SECURITY.md' ? text : text.slice(text.indexOf('## Which test guards'), text.indexOf('## One layer'))
    const named = [...rows.matchAll(/`(?:test\/)?([\w-]+\/[\w./-]*)`/g)].map(([, path]) => `test/${path}`)
    const missing = named.filter((path) => ![path, `${path}.test.ts`, `${path}.txt`].some((place) => existsSync(place)))
    expect(named.length).toBeGreaterThan(10)
    expect(missing, file).toEqual([])
  }
})

it('every guide is linked from README.md', () => {
  const { text } = guides[0]!
  const files = guides.slice(1).map(({ file }) => file)
  const linked = (file: string): boolean =>
    text.includes(`(${file})`) || guides.some((other) => other.text.includes(`](${file.slice('docs/'.length)})`))
  expect(files.filter((file) => !linked(file))).toEqual([])
})

it('every code of an error has its row in docs/errors.md', () => {
  const rows = [...guideTo('errors').text.matchAll(/^\| `(A\d{3})` ([\w-]+) +\|/gm)].map(([, code, name]) => [
    code,
    name,
  ])
  expect(rows).toEqual(Object.entries(codes))
})

it.each([
  ['compiler/index.ts', 'docs/api/attar.md'],
  ['compiler/config/index.ts', 'docs/api/attar/config.md'],
])('what %s exports stands in %s, which `npm run docs` writes', async (file, page) => {
  const exported = Object.keys((await import(resolve(file))) as object).filter((name) => name !== 'default')
  const headings = new Set([...readFileSync(page, 'utf8').matchAll(/^### ([\w-]+)/gm)].map(([, name]) => name))
  expect(exported.filter((name) => !headings.has(name))).toEqual([])
})

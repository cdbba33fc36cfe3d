import { readdirSync, readFileSync } from 'node:fs'

/** What README.md and the guides in docs/ have one type. */
export interface Guide {
  readonly file: string
  readonly text: string
  /** Blocks of lines that begin with `attar`, each to be typed in its order. */
  readonly commands: readonly (readonly string[])[]
  /** Indented blocks that begin with something else. */
  readonly others: readonly (readonly string[])[]
  readonly code: readonly { readonly language: string; readonly text: string }[]
}

const fenced = /^```(\w+)\n([^]*?)^```$/gm

function guide(file: string): Guide {
  const text = readFileSync(file, 'utf8')
  const indented = text.replaceAll(fenced, '').matchAll(/\n\n((?: {4}\S.*\n(?:\n(?= {4}))?| {5,}\S.*\n)+)/g)
  const blocks = [...indented].map(([, block]) =>
    block!
      .split('\n')
      .map((line) => line.slice(4).trim())
      .filter((line) => line !== ''),
  )
  const isCommand = ([line]: readonly string[]): boolean => line!.startsWith('attar ')
  return {
    file,
    text,
    commands: blocks.filter(isCommand),
    others: blocks.filter((block) => !isCommand(block)),
    code: [...text.matchAll(fenced)].map(([, language, code]) => ({ language: language!, text: code! })),
  }
}

export const guides: readonly Guide[] = [
  'README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`),
].map(guide)

/** Guides whose commands and code are not run with those of all others, and why. */
export const elsewhere: Readonly<Record<string, string>> = {
  'docs/compression.md': 'tells of measurements on data that is not here',
  'docs/audio.md': 'has sounds: test/guides/audio.test.ts',
}

export const guideTo = (topic: string): Guide => guides.find(({ file }) => file === `docs/${topic}.md`)!

/** Words of a line as a shell takes them, where it has no other than single quotes. */
export const words = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word)

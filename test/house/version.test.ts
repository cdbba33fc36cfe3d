import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { version } from '../../compiler/version.ts'

it.each(['package.json', 'package-lock.json'])('%s has the version that the compiler states', (file) => {
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ version })
})

it('the newest release of the changelog is that version', () => {
  const [, newest] = /^## (?!Unreleased$)(\S+)/m.exec(readFileSync('CHANGELOG.md', 'utf8'))!
  expect(newest).toBe(version)
})

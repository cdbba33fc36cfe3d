// What augmentation is worth, in five folds: node folds.mjs PICTURES, a folder with a folder of pictures for each class.
// Each fold is tested once by a network that was trained on the others, with augmentation and without.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folds = 5
/** The 97.5 % quantile of Student's t with 4 degrees of freedom. */
const quantile = 2.776
const here = dirname(fileURLToPath(import.meta.url))
const attar = join(here, '../../dist/compiler/cli/main.js')
const [pictures, ...options] = process.argv.slice(2)
if (!pictures) throw new Error('usage: node folds.mjs PICTURES [options of attar train]')

const folder = mkdtempSync(join(tmpdir(), 'attar-folds-'))
const scores = { 'attar.config.ts': [], 'plain.config.ts': [] }
try {
  for (let fold = 0; fold < folds; fold++) {
    const [train, test] = ['train', 'test'].map((set) => join(folder, `${fold}`, set))
    for (const kind of readdirSync(pictures)) {
      for (const to of [train, test]) mkdirSync(join(to, kind), { recursive: true })
      readdirSync(join(pictures, kind))
        .sort()
        .forEach((file, i) =>
          copyFileSync(join(pictures, kind, file), join(i % folds === fold ? test : train, kind, file)),
        )
    }
    for (const config of Object.keys(scores)) {
      const out = join(folder, `${fold}`, config)
      const data = ['--train', train, '--test', test, '-o', out]
      execFileSync(process.execPath, [attar, 'train', join(here, config), ...data, ...options], {
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      const { accuracy } = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')).test
      scores[config].push(accuracy)
      console.log(`fold ${fold + 1}, ${config}: ${(100 * accuracy).toFixed(2)} % of the test data right`)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length
const [augmented, plain] = Object.values(scores)
const gaps = augmented.map((score, i) => 100 * (score - plain[i]))
const half = quantile * Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean(gaps)) ** 2, 0) / (folds - 1) / folds)
const percent = (values) => `${(100 * mean(values)).toFixed(2)} %`
console.log(
  `augmented ${percent(augmented)}, plain ${percent(plain)}: ${mean(gaps).toFixed(2)} points (95 % interval ${(mean(gaps) - half).toFixed(2)} to ${(mean(gaps) + half).toFixed(2)})`,
)

// What `npm start` shows: trains the sample model, compresses it within a budget and compiles it, as a user would, and runs it in fresh
// processes.
import { execFileSync } from 'node:child_process'
import { formatCount, formatTable } from '../dist/compiler/cli/format.js'
import { must } from './steps.mjs'

const processes = 5
const [trained, folder] = ['out/digits-trained', 'out/digits']
const config = 'examples/digits/attar.config.ts'
const attar = (...args) => {
  console.log(`$ attar ${args.join(' ')}\n`)
  // In a process of its own: on Linux a child's peak memory begins at its parent's.
  must('node', ['dist/compiler/cli/main.js', ...args])
  console.log()
}

console.log(
  'The sample model reads handwritten digits: examples/digits/README.md. First it is trained, in half a minute.\n',
)
must('node', ['node_modules/jiti/lib/jiti-cli.mjs', 'examples/digits/write-data.ts'])
attar('train', config, '-o', trained)
console.log('Then it is made smaller: 14 kB at most, and at most one per cent less right.\n')
const budget = ['--max-size', '14kB', '--max-drop', '1%', '--epochs', '4', '--no-control']
attar('compile', `${trained}/model.onnx`, '--config', config, ...budget, '-o', folder)

const measure = () => JSON.parse(execFileSync(process.execPath, ['scripts/demo-run.mjs', folder], { encoding: 'utf8' }))
const results = Array.from({ length: processes }, measure)
const median = (key) => results.map((result) => result[key]).sort((a, b) => a - b)[processes >> 1]
const { target, right, digits, runs, instance } = results[0]
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`
const why = target === 'simd' ? 'this engine has no relaxed SIMD' : 'this engine has relaxed SIMD'
console.log(
  `Run in ${processes} fresh processes of Node ${process.version}, one thread, module ${target} (${why}); medians:\n`,
)
console.log(
  formatTable(
    [
      [
        'accuracy',
        `${((100 * right) / digits).toFixed(2)} %`,
        `${right} of ${digits} digits that it was not trained on`,
      ],
      ['cold start', `${median('cold').toFixed(2)} ms`, 'from the bytes in memory to the first result'],
      ['latency', `${median('latency').toFixed(4)} ms`, `median of ${formatCount(runs)} runs, one digit each`],
      ['memory', megabytes(instance), 'of an instance, weights included; it never grows'],
      ['peak', megabytes(median('peak')), `of the process, ${megabytes(median('before'))} of it Node before the model`],
    ],
    [2],
  ).join('\n'),
)
console.log(
  `\n${folder}/ holds what you would ship, and optimization.html, which tells what was tried.\nYour own model: npm start -- model.onnx -o out`,
)

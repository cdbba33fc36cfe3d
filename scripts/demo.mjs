// What `npm start` shows: compiles the sample model as a user would, and runs it in fresh processes.
import { execFileSync } from 'node:child_process'
import { formatCount, formatTable } from '../dist/compiler/cli/format.js'
import { must } from './steps.mjs'

const processes = 5
const folder = 'out/digits'

console.log('The sample model reads handwritten digits: examples/digits/README.md.\n')
const args = ['compile', 'examples/digits/digits.onnx', '-o', folder, '--dim', 'batch=1']
console.log(`$ attar ${args.join(' ')}\n`)
// In a process of its own: on Linux a child's peak memory begins at its parent's.
must('node', ['dist/compiler/cli/main.js', ...args])

const measure = () => JSON.parse(execFileSync(process.execPath, ['scripts/demo-run.mjs', folder], { encoding: 'utf8' }))
const results = Array.from({ length: processes }, measure)
const median = (key) => results.map((result) => result[key]).sort((a, b) => a - b)[processes >> 1]
const { target, right, digits, runs, instance } = results[0]
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`
const why = target === 'simd' ? 'this engine has no relaxed SIMD' : 'this engine has relaxed SIMD'
console.log(
  `\nRun in ${processes} fresh processes of Node ${process.version}, one thread, module ${target} (${why}); medians:\n`,
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
console.log(`\n${folder}/ holds what you would ship. Your own model: npm start -- model.onnx -o out`)

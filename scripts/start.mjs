// `npm start`: installs, builds, and compiles the model that the arguments name, or shows the sample model at work.
import { prepare, root, run } from './steps.mjs'
import { join } from 'node:path'

prepare()
const args = process.argv.slice(2)
const cli = join(root, 'dist/compiler/cli/main.js')
const hasOutput = args.some((arg) => /^(-o|--output\b|-h$|--help$)/.test(arg))
// npm runs scripts in the repository; paths are meant from where the user stands.
const cwd = process.env.INIT_CWD ?? process.cwd()
const ok =
  args.length > 0
    ? run('node', [cli, 'compile', ...args, ...(hasOutput ? [] : ['-o', 'out'])], { cwd })
    : run('node', ['scripts/demo.mjs'])
process.exitCode = ok ? 0 : 1

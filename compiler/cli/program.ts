import { Command, CommanderError } from 'commander'
import type { CompileError } from '../index.ts'
import { version } from '../version.ts'
import { addAugment } from './augment/augment.ts'
import { addBench } from './bench/bench.ts'
import { addCheck } from './check/check.ts'
import { addCompile } from './compile/compile.ts'
import { addDiff } from './diff/diff.ts'
import { addInit } from './init/init.ts'
import { addInspect } from './inspect/inspect.ts'
import { addRun } from './run/run.ts'
import { toJson } from './format.ts'
import { checkOptions, refuseRepeats } from './preconditions.ts'
import { terminalOn, type Streams, type Terminal } from './terminal.ts'
import { addTrain } from './train/train.ts'
import { addTokenizer } from './processing/tokenizer.ts'
import { addWorker } from './tune/queue/worker.ts'
import { addTune } from './tune/tune.ts'
import { addVerify } from './run/verify.ts'

/** What a command's action gives: the exit code. */
export type ExitCode = 0 | 1 | 2

/** Adds a command to the program; `done` takes its exit code. */
export type AddCommand = (program: Command, terminal: Terminal, done: (code: ExitCode) => void) => void

const exitCodes = `
Exit codes:
  0  it went well
  1  a comparison failed (verify), a limit is not kept (check), a file grew (diff --fail-if-larger), no model within the budget was found (compile), or a training or search was interrupted (train, tune)
  2  a usage error or a diagnostic: nothing was written`

/** The commands, none of them run. */
export function programOf(terminal: Terminal, done: (code: ExitCode) => void): Command {
  const write = (print: (lines: string[]) => void) => (text: string) => print(text.replace(/\n$/, '').split('\n'))
  const program = new Command('attar')
    .description('Compiles ONNX models ahead of time to small, fast, self-contained WebAssembly.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: write(terminal.out),
      writeErr: write(terminal.err),
      // One line that repeats what the user wrote, and perhaps one with what was meant.
      outputError: (text) => {
        const [, message = '', meant] = /^([^]*?)\n?(\(Did you mean .*\))?\n?$/.exec(text)!
        terminal.err(meant === undefined ? message : [message, meant])
      },
    })
    .showHelpAfterError('(--help shows the usage)')
    .addHelpText('after', exitCodes)
  for (const add of [
    addCompile,
    addInit,
    addRun,
    addVerify,
    addInspect,
    addBench,
    addCheck,
    addDiff,
    addTrain,
    addTune,
    addWorker,
    addAugment,
    addTokenizer,
  ])
    add(program, terminal, done)
  for (const command of program.commands) {
    command.addHelpText('after', exitCodes)
    command.hook('preAction', () => checkOptions(command))
    refuseRepeats(command)
  }
  return program
}

/** The command line without the program's name; never throws. */
export async function main(args: readonly string[], streams: Streams): Promise<ExitCode> {
  let exitCode: ExitCode = 0
  const terminal = terminalOn(streams)
  const program = programOf(terminal, (code) => (exitCode = code))
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const json = program.commands.some((command) => command.opts<{ json?: boolean }>().json)
    await report(error, json, terminal)
    return 2
  }
}

/** Diagnostics for people on stderr; with `--json` for programs on stdout. */
async function report(error: unknown, json: boolean, terminal: Terminal): Promise<void> {
  const { CompileError, diagnosticLines } = await import('../index.ts')
  const internal = (): CompileError => {
    const message = error instanceof Error ? error.message : String(error)
    return new CompileError([{ code: 'A601', message, hint: 'this is a defect of attar: please report it' }])
  }
  const isInternal = !(error instanceof CompileError)
  const { diagnostics } = isInternal ? internal() : error
  const stack = isInternal && error instanceof Error ? (error.stack ?? '').split('\n') : []
  if (json) terminal.out(toJson({ diagnostics, ...(isInternal && { stack }) }))
  else terminal.err([...diagnostics.flatMap(diagnosticLines), ...stack.map((line) => `  ${line}`)])
}

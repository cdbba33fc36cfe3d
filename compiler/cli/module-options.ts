import { Option, type Command } from 'commander'
import type { CompileOptions, Compiled, Sparsity, Target } from '../index.ts'

/** How constants are stored. */
export interface StorageOptions {
  readonly sparse: Sparsity
  readonly entropyCode?: boolean
}

/** What says which modules are made of a model, and in which form they come. */
export interface ModuleOptions extends StorageOptions {
  target: Target | 'both'
  inline?: boolean
}

export const addModuleOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--target <target>', 'modules to make').choices(['simd', 'relaxed-simd', 'both']).default('both'),
    )
    .addOption(
      new Option(
        '--sparse <where>',
        'leave zeros of weights out: where that is faster, also where it is only smaller (size), or nowhere (off)',
      )
        .choices(['speed', 'size', 'off'] satisfies readonly Sparsity[])
        .default('speed'),
    )
    .option(
      '--entropy-code',
      'store weights in Huffman codes, which the module decodes when it starts: fewer bytes before gzip',
    )
    .option('--inline', 'one file: the module inside the script, the baseline unless --target relaxed-simd')

/** The targets that a command's options ask for; a usage error where a script would have to carry two modules. */
export function targetOf(command: Command, { target, inline = false }: ModuleOptions): Target | 'both' {
  if (inline && target === 'both' && command.getOptionValueSource('target') === 'cli')
    command.error('error: --inline makes a script with one module: give it --target simd or relaxed-simd')
  return inline && target === 'both' ? 'simd' : target
}

export const storageOf = ({
  sparse,
  entropyCode = false,
}: StorageOptions): Pick<CompileOptions, 'sparse' | 'entropyCode'> => ({
  sparse,
  entropyCode,
})

/** Whether these options had an effect is known when it has been compiled. */
export function checkStorage(command: Command, { sparse, entropyCode }: ModuleOptions, { report }: Compiled): void {
  if (entropyCode && !report.entropyCoding)
    command.error('error: --entropy-code has no effect: the weights are not smaller in codes')
  if (sparse === 'size' && !report.kernels.some(({ skippedMacs }) => skippedMacs))
    command.error('error: --sparse size has no effect: no layer has weights that are smaller without their zeros')
}

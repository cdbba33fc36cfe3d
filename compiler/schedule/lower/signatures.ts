import { CompileError, type Diagnostic } from '../../core/diagnostics/diagnostic.ts'
import type { Graph } from '../../core/graph.ts'
import { elementCount } from '../../core/shape.ts'
import { formatType, sameType } from '../../core/tensor.ts'
import type { State } from '../program/program.ts'

/**
 * Checks graphs of one model at several shapes, which become one module.
 * @throws CompileError A106 with everything that is wrong: inputs or outputs that are not the same, two shapes that lengths of the inputs do not
 * tell apart, states whose shapes differ, and what makes inputs for the script.
 */
export function checkSignatures(
  graphs: readonly Graph[],
  states: readonly State[],
  options: {
    readonly bounds?: Readonly<Record<string, unknown>>
    readonly pictures?: unknown
    readonly sound?: unknown
    readonly text?: unknown
    readonly structures?: unknown
    readonly strings?: unknown
  },
): void {
  const [first] = graphs
  if (!first || graphs.length === 1) return
  const found: Diagnostic[] = []
  const wrong = (message: string, hint: string): void => void found.push({ code: 'A106', message, hint })
  const kept = new Set(states.map(({ input }) => input))
  const given = ({ inputs }: Graph) => inputs.filter(({ name }) => !kept.has(name))
  const shapesOf = (graph: Graph): string =>
    given(graph)
      .map(({ name, value }) => `${name} ${formatType(value.type)}`)
      .join(', ')

  for (const [what, made] of Object.entries({
    pictures: options.pictures,
    sound: options.sound,
    texts: options.text,
  })) {
    if (made !== undefined)
      wrong(
        `a script makes inputs of ${what} for one shape, not for ${graphs.length}`,
        'compile a module for each shape',
      )
  }
  if (options.structures !== undefined || options.strings !== undefined)
    wrong('sequences, optionals or strings and several shapes do not go together', 'compile a module for each shape')
  const vary = graphs.some(({ outputs }) => outputs.some(({ limit, extents = [] }) => limit ?? extents.length > 1))
  if (vary || Object.keys(options.bounds ?? {}).length > 0)
    wrong('lengths that are known at run time and several shapes do not go together', 'compile a module for each shape')
  const portsOf = ({ inputs, outputs }: Graph): string =>
    JSON.stringify([inputs, outputs].map((ports) => ports.map(({ name, value }) => [name, value.type.dtype])))
  if (graphs.some((graph) => portsOf(graph) !== portsOf(first)))
    wrong('the inputs and outputs of the graphs are not the same', 'several shapes are of one model')
  const lengths = new Map<string, Graph>()
  for (const graph of graphs) {
    const key = given(graph)
      .map(({ value }) => elementCount(value.type.shape))
      .join()
    const other = lengths.get(key)
    if (other)
      wrong(
        `the shapes ${shapesOf(other)} and ${shapesOf(graph)} have inputs of the same lengths`,
        'a run tells them apart by the lengths of its inputs: they must differ in one',
      )
    else lengths.set(key, graph)
  }
  for (const state of kept) {
    const types = graphs.flatMap(({ inputs }) => inputs.filter(({ name }) => name === state).map((p) => p.value.type))
    const other = types.find((type) => !sameType(type, types[0]!))
    if (other)
      wrong(
        `the state "${state}" is ${formatType(types[0]!)} at one shape and ${formatType(other)} at another`,
        'all shapes share the states: give only shapes that leave them as they are',
      )
  }
  if (found.length > 0) throw new CompileError(found)
}

import { fail } from '../../core/diagnostic.ts'
import type { Graph, Port } from '../../core/graph.ts'
import { bytesOf, formatType, sameType, type Tensor } from '../../core/tensor.ts'
import type { State } from '../program/program.ts'

export interface StateOptions {
  readonly state?: Readonly<Record<string, string>>
  readonly stateStart?: Readonly<Record<string, Tensor>>
}

const named = (ports: readonly Port[]): string => ports.map(({ name }) => `"${name}"`).join(', ')

/**
 * The states that `options` name.
 * @throws CompileError A106 where one is no input and output of the same type, or two share an output.
 */
export function statesOf(graph: Graph, { state = {}, stateStart = {} }: StateOptions): State[] {
  const taken = new Map<string, string>()
  const states = Object.entries(state).map(([input, next]): State => {
    const from = graph.inputs.find(({ name }) => name === input)
    const to = graph.outputs.find(({ name }) => name === next)
    if (!from) fail('A106', `state ${input}=${next}: the model has no input "${input}", but ${named(graph.inputs)}`)
    if (!to) fail('A106', `state ${input}=${next}: the model has no output "${next}", but ${named(graph.outputs)}`)
    const [old, fresh] = [from.value.type, to.value.type]
    if (to.extent || !sameType(old, fresh)) {
      const length = to.extent ? ', whose length depends on data' : ''
      const [given, found] = [formatType(old), formatType(fresh)]
      fail('A106', `state ${input}=${next}: the input is ${given}, the output ${found}${length}`, {
        hint: 'an input can only become an output of its own type and shape',
      })
    }
    const other = taken.get(next)
    if (other !== undefined) fail('A106', `the inputs "${other}" and "${input}" cannot both become "${next}"`)
    taken.set(next, input)
    const start = Object.hasOwn(stateStart, input) ? stateStart[input]! : undefined
    if (start && !sameType(start, old)) {
      fail('A106', `the start of state "${input}" is ${formatType(start)}, the input ${formatType(old)}`)
    }
    return { input, next, ...(start && { start: bytesOf(start) }) }
  })
  for (const name of Object.keys(stateStart)) {
    if (!Object.hasOwn(state, name)) fail('A106', `a start is given for "${name}", which is no state`)
  }
  return states
}

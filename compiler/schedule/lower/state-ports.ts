import type { PortNames } from '../../core/artefact/artefact.ts'
import { CompileError, type Diagnostic } from '../../core/diagnostics/diagnostic.ts'
import { countsOf, type Graph, type Port } from '../../core/graph.ts'
import { bytesOf, formatType, sameType, type Tensor } from '../../core/tensor.ts'
import type { State } from '../program/program.ts'

export interface StateOptions {
  readonly state?: Readonly<Record<string, string>>
  readonly stateStart?: Readonly<Record<string, Tensor>>
  /** Inputs that are constants. */
  readonly bind?: Readonly<Record<string, Tensor>>
  readonly names?: PortNames
}

/** Models may have thousands. */
const shown = 20

function listed(names: readonly string[]): string {
  const some = names.slice(0, shown).map((name) => `"${name}"`)
  return names.length === 0 ? 'none' : some.join(', ') + (names.length > shown ? ', …' : '')
}

const typeOf = ({ value, extents }: Port): string =>
  extents ? `${formatType(value.type)} of a length that depends on data` : formatType(value.type)

/**
 * The states that `options` name.
 * @throws CompileError A106 with everything that is wrong: one that is no input and output of the same type, two that share an
 * output, strings, a start that does not fit or is of no state.
 */
export function statesOf(graph: Graph, { state = {}, stateStart = {}, bind = {}, names }: StateOptions): State[] {
  const counts = countsOf(graph)
  const inputs = new Map(graph.inputs.map((port) => [port.name, port]))
  const outputs = new Map(graph.outputs.filter(({ name }) => !counts.has(name)).map((port) => [port.name, port]))
  const found: Diagnostic[] = []
  const wrong = (message: string, hint: string): void => void found.push({ code: 'A106', message, hint })
  const takenBy = new Map<string, string>()

  /** Why the input cannot become the output. */
  const check = (input: string, next: string): void => {
    const [from, to] = [inputs.get(input), outputs.get(next)]
    const what = `state ${input}=${next}`
    if (!from && outputs.has(input) && inputs.has(next)) {
      return wrong(`${what}: "${input}" is an output and "${next}" an input`, `the input comes first: ${next}=${input}`)
    }
    if (!from && Object.hasOwn(bind, input)) {
      return wrong(
        `${what}: the input "${input}" is bound to a constant`,
        'what a state starts as is its own option, stateStart or --state-init',
      )
    }
    if (!from) wrong(`${what}: the model has no input "${input}"; it has ${listed([...inputs.keys()])}`, form)
    if (!to) wrong(`${what}: the model has no output "${next}"; it has ${listed([...outputs.keys()])}`, form)
    if (!from || !to) return
    if (to.extents || !sameType(from.value.type, to.value.type)) {
      wrong(
        `${what}: the input is ${typeOf(from)}, the output ${typeOf(to)}`,
        'an input can only become an output of its own type and shape',
      )
    } else if (names?.inputs[input]?.labels ?? names?.outputs[next]?.labels) {
      wrong(`${what}: they are strings`, 'numbers alone stay in the module: pass these from run to run')
    }
    const other = takenBy.get(next)
    if (other !== undefined) wrong(`${what}: "${other}" becomes "${next}" already`, 'two states need two outputs')
    takenBy.set(next, input)
  }

  for (const [input, next] of Object.entries(state)) check(input, next)
  for (const [name, start] of Object.entries(stateStart)) {
    const port = inputs.get(name)
    if (!Object.hasOwn(state, name)) {
      wrong(`a start is given for "${name}", which is no state; states are ${listed(Object.keys(state))}`, form)
    } else if (port && !sameType(start, port.value.type)) {
      wrong(
        `the start of state "${name}" is ${formatType(start)}, the input ${formatType(port.value.type)}`,
        'a start has the type and shape of the input',
      )
    }
  }
  if (found.length > 0) throw new CompileError(found)
  return Object.entries(state).map(([input, next]) => ({
    input,
    next,
    ...(Object.hasOwn(stateStart, input) && { start: bytesOf(stateStart[input]!) }),
  }))
}

const form = 'a state is an input and the output that it becomes: INPUT=OUTPUT'

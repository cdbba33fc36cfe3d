import { escape, note, page, section } from '../frame.ts'
import { memoryOverTime, type Moment } from './memory.ts'
import { bar, count, figures, path, rows, short, style, text } from './parts.ts'
import { rails } from './rails.ts'

/** A node of an ONNX model, or one of the model's inputs or outputs. */
export interface ModelNode {
  readonly node: string
  readonly operator: string
  readonly result: string
  readonly reads: readonly string[]
  readonly makes: readonly string[]
  readonly parameters: number
  readonly macs: number | null
  /** What attar makes of it. */
  readonly becomes: string
  /** Of the kernel that computes it, for the node that the kernel is named for. Milliseconds are measured. */
  readonly bytes?: number
  readonly ms?: number
}

export interface ModelPage {
  readonly name: string
  readonly opsets: string
  readonly nodes: readonly ModelNode[]
  readonly parameters: number
  readonly macs: number | null
  /** Why it can't be compiled, each as lines. */
  readonly failures: readonly (readonly string[])[]
  readonly warnings: readonly (readonly string[])[]
  /** Of what it compiles to. */
  readonly compiled?: {
    readonly bytes: number
    readonly gzip: number
    readonly memory: number
    readonly weights: number
    readonly arena: number
    readonly moments: readonly Moment[]
  }
  readonly measured?: string
}

/** An ONNX model: its graph, shapes and work, and what attar makes of each node. */
export const modelPage = (content: ModelPage): string =>
  page(
    `${content.name}: what is inside`,
    [`<h1>${escape(content.name)}</h1>`, note('An ONNX model, and what attar makes of it.'), ...modelReport(content)],
    style,
  )

/** What stands on that page below its title. */
export function modelReport({
  opsets,
  nodes,
  compiled,
  measured,
  failures,
  warnings,
  ...model
}: Omit<ModelPage, 'name'>): string[] {
  const { cells, width } = rails(nodes)
  const most = (of: (node: ModelNode) => number | null | undefined): number =>
    nodes.reduce((greatest, node) => Math.max(greatest, of(node) ?? 0), 0)
  const operators = nodes.filter(({ operator }) => operator !== 'input' && operator !== 'output')
  const shown: (readonly [string, string, string])[] = [
    ['nodes', count(operators.length), `opset ${opsets}`],
    ['parameters', count(model.parameters), 'numbers that are stored'],
    ['multiply-adds', model.macs === null ? '?' : count(model.macs), 'a run'],
    ...(compiled
      ? ([
          ['module', count(compiled.bytes), `bytes, ${count(compiled.gzip)} after gzip`],
          ['memory', count(compiled.memory), 'bytes of an instance'],
        ] as const)
      : []),
    ...(measured === undefined
      ? []
      : ([
          ['time', `${short(nodes.reduce((sum, { ms }) => sum + (ms ?? 0), 0))} ms`, `kernels one by one, ${measured}`],
        ] as const)),
  ]
  const times = measured !== undefined
  const header = [
    ...['', 'node', 'operator', 'result', 'parameters', 'multiply-adds'],
    ...(compiled ? ['bytes of weights'] : []),
    ...(times ? ['µs'] : []),
    'what attar makes of it',
  ]
  const row = (node: ModelNode, i: number): string[] => [
    `<td class="rails"><svg width="${width}" height="1" aria-hidden="true"></svg>${cells[i]!}</td>`,
    `<th scope="row" class="words">${path(node.node)}</th>`,
    text(node.operator),
    text(node.result),
    bar(
      node.parameters,
      most(({ parameters }) => parameters),
    ),
    node.macs === null
      ? text('?')
      : bar(
          node.macs,
          most(({ macs }) => macs),
        ),
    ...(compiled
      ? [
          bar(
            node.bytes,
            most(({ bytes }) => bytes),
          ),
        ]
      : []),
    ...(times ? [bar(node.ms && 1000 * node.ms, 1000 * most(({ ms }) => ms), short)] : []),
    text(node.becomes, 30),
  ]
  return [
    figures(shown),
    ...failures.map((lines) => `<p class="failed">${lines.map(escape).join('<br>')}</p>`),
    ...warnings.map((lines) => `<p class="note">${lines.map(escape).join('<br>')}</p>`),
    section('Node by node', [
      note(
        'In the model’s own order. Each line on the left is a value, from the node that makes it to the last that reads it. Weights and times are of whole kernels, which may compute several nodes: they stand at the one that the kernel is for.',
      ),
      note(
        'What is “fused” is computed in the same pass over memory as the node that is named. A “view” has no code: whoever reads it reads its operand’s elements from other places. What is “within its neighbours” is computed in their kernels, or changed their constants.',
      ),
      rows(header, nodes.map(row)),
    ]),
    ...(compiled && compiled.moments.length > 0
      ? [section('Memory', [memoryOverTime(compiled.moments, compiled.weights, compiled.arena)])]
      : []),
  ]
}

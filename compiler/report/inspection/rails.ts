/** A row of a graph that is drawn top to bottom: the values that it reads and makes, by name. */
export interface RailNode {
  readonly reads: readonly string[]
  readonly makes: readonly string[]
}

interface Row {
  /** The lane of the node itself. */
  readonly at: number
  /** Lanes that come from above and end here, or go on. */
  readonly from: readonly number[]
  /** Lanes that begin here. */
  readonly to: readonly number[]
  /** Lanes of values that others below read. */
  readonly through: readonly number[]
}

/** A lane for each value from where it is made to where it is read last, as `git log --graph` has for branches. */
function layOut(nodes: readonly RailNode[]): { rows: Row[]; lanes: number } {
  const lastRead = new Map<string, number>()
  for (const [i, { reads }] of nodes.entries()) for (const name of reads) lastRead.set(name, i)
  const lanes: (string | undefined)[] = []
  let most = 1
  const rows = nodes.map(({ reads, makes }, i): Row => {
    const from = [...new Set(reads)].map((name) => lanes.indexOf(name)).filter((lane) => lane >= 0)
    for (const lane of from) if (lastRead.get(lanes[lane]!) === i) lanes[lane] = undefined
    const through = lanes.flatMap((name, lane) => (name === undefined ? [] : [lane]))
    const ended = from.filter((lane) => lanes[lane] === undefined).sort((a, b) => a - b)
    const to = makes
      .filter((name) => (lastRead.get(name) ?? -1) > i)
      .map((name) => {
        const free = ended.shift() ?? lanes.findIndex((each) => each === undefined)
        const lane = free < 0 ? lanes.length : free
        lanes[lane] = name
        return lane
      })
    most = Math.max(most, lanes.length)
    return { at: to[0] ?? ended[0] ?? from[0] ?? freeLane(lanes), from, to, through }
  })
  return { rows, lanes: Math.max(most, ...rows.map(({ at }) => at + 1)) }
}

function freeLane(lanes: readonly (string | undefined)[]): number {
  const free = lanes.findIndex((each) => each === undefined)
  return free < 0 ? lanes.length : free
}

const spacing = 14
/** Wider graphs share the last lane. */
const mostLanes = 20

/**
 * For each node what stands in the first cell of its row, however high that is: SVG that is stretched, with strokes that are not.
 * `width` is that of all of them in pixels.
 */
export function rails(nodes: readonly RailNode[]): { cells: string[]; width: number } {
  const { rows, lanes } = layOut(nodes)
  const width = (Math.min(lanes, mostLanes) + 0.5) * spacing
  const x = (lane: number): number => (Math.min(lane, mostLanes - 1) + 0.75) * spacing
  const cells = rows.map(({ at, from, to, through }) => {
    const lines = [
      ...through.map((lane) => `M${x(lane)} 0V100`),
      ...from.map((lane) => `M${x(lane)} 0C${x(lane)} 30 ${x(at)} 20 ${x(at)} 50`),
      ...to.map((lane) => `M${x(at)} 50C${x(at)} 80 ${x(lane)} 70 ${x(lane)} 100`),
    ]
    return `<svg class="rail" width="${width}" viewBox="0 0 ${width} 100" preserveAspectRatio="none" aria-hidden="true"><path d="${lines.join('')}"/><path class="node" d="M${x(at)} 50h0"/></svg>`
  })
  return { cells, width }
}

import type { Vjp } from './rule.ts'
import { scatterAlong } from './scatter-along.ts'
import { isEmpty } from './spread.ts'

/** Each element's cotangent goes back to where it came from: the second result says where. */
export const sort: Vjp<'sort'> = ({ node, b, cotangents }) => {
  const [dy] = cotangents
  return !dy || isEmpty(dy) ? [] : [scatterAlong(b, dy, node.results[1]!, node.attrs.axis)]
}

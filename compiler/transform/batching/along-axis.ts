/** Ops that combine or order elements along axes. */
import { isTrivialWindow, trivialWindow } from '../../core/ops/window.ts'
import { along, shifted, withFirst } from './forms.ts'
import type { Rule } from './rule.ts'

export const reduce: Rule<'reduce'> = (c, { attrs: { kind, axes } }, [x]) =>
  along(c, x!, !axes.includes(0), (value, _, before) => [c.b.reduce(kind, value, shifted(axes, before))])

export const argreduce: Rule<'argreduce'> = (c, { attrs }, [x]) =>
  along(c, x!, attrs.axis !== 0, (value, _, before) => [c.b.argreduce(value, { ...attrs, axis: attrs.axis + before })])

export const cumulate: Rule<'cumulate'> = (c, { attrs }, [x]) =>
  along(c, x!, attrs.axis !== 0, (value, _, before) => [c.b.cumulate(value, { ...attrs, axis: attrs.axis + before })])

export const sort: Rule<'sort'> = (c, { attrs: { axis, descending } }, [x]) =>
  along(c, x!, axis !== 0, (value, _, before) => c.b.sort(value, axis + before, descending))

export const reduceWindow: Rule<'reduce_window'> = (c, { attrs: { kind, window } }, [x]) => {
  const [first] = window
  return along(c, x!, first !== undefined && isTrivialWindow(first), (value, form) => [
    c.b.reduceWindow(kind, value, withFirst(window, trivialWindow, form)),
  ])
}

/** Ops that combine or order elements along axes. */
import { isTrivialWindow, trivialWindow } from '../../core/ops/window.ts'
import { along, shifted, withFirst } from './forms.ts'
import type { Rule } from './rule.ts'

export const reduce: Rule<'reduce'> = (c, { attrs: { kind, axes } }, [x]) =>
  along(c, x!, !axes.includes(0), (value, shift) => [c.b.reduce(kind, value, shifted(axes, shift))])

export const argreduce: Rule<'argreduce'> = (c, { attrs }, [x]) =>
  along(c, x!, attrs.axis !== 0, (value, shift) => [c.b.argreduce(value, { ...attrs, axis: attrs.axis + shift })])

export const cumulate: Rule<'cumulate'> = (c, { attrs }, [x]) =>
  along(c, x!, attrs.axis !== 0, (value, shift) => [c.b.cumulate(value, { ...attrs, axis: attrs.axis + shift })])

export const sort: Rule<'sort'> = (c, { attrs: { axis, descending } }, [x]) =>
  along(c, x!, axis !== 0, (value, shift) => c.b.sort(value, axis + shift, descending))

export const reduceWindow: Rule<'reduce_window'> = (c, { attrs: { kind, window } }, [x]) => {
  const [first] = window
  return along(c, x!, first !== undefined && isTrivialWindow(first), (value, shift) => [
    c.b.reduceWindow(kind, value, withFirst(window, trivialWindow, shift)),
  ])
}

import type { Value } from '../../../core/graph.ts'
import { accumulatorOf } from '../../../core/ops/dot-general.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'

/** A tensor whose axes are named, all differently. */
interface Labelled {
  readonly value: Value
  readonly labels: readonly string[]
}

/** Axes under an ellipsis get labels by their distance from its end, since they broadcast. */
function labelsOf(c: OpContext, term: string, rank: number): string[] {
  const [before = '', after] = term.split('...')
  if (after === undefined) {
    c.check(before.length === rank, `"${term}" has ${before.length} axes, the operand ${rank}`)
    return [...before]
  }
  const hidden = rank - before.length - after.length
  c.check(hidden >= 0, `"${term}" has more axes than the operand's ${rank}`)
  return [...before, ...range(0, hidden).map((i) => `.${hidden - i}`), ...after]
}

/** Keeps the diagonal of axes with the same label, and drops axes of length 1 that broadcast against longer ones. */
function distinct(c: OpContext, { value, labels }: Labelled, lengths: ReadonlyMap<string, number>): Labelled {
  const { b } = c
  const wide = labels.map((label, i) => value.type.shape[i] !== 1 || lengths.get(label) === 1)
  const { shape } = value.type
  const kept = {
    value: b.reshape(
      value,
      shape.filter((_, i) => wide[i]),
    ),
    labels: labels.filter((_, i) => wide[i]),
  }
  const second = kept.labels.findIndex((label, i) => kept.labels.indexOf(label) < i)
  if (second < 0) return kept
  const first = kept.labels.indexOf(kept.labels[second]!)
  const n = kept.value.type.shape[first]!
  c.check(n === kept.value.type.shape[second], `axes "${kept.labels[second]}" differ in length`)
  const others = range(0, kept.labels.length).filter((i) => i !== first && i !== second)
  const moved = b.transpose(kept.value, [...others, first, second])
  const outer = moved.type.shape.slice(0, -2)
  const rows = b.reshape(moved, [...outer, n * n])
  const diagonal = b.sliceAxis(rows, outer.length, 0, n, n + 1)
  return distinct(c, { value: diagonal, labels: [...others, first].map((i) => kept.labels[i]!) }, lengths)
}

function sumAway(c: OpContext, { value, labels }: Labelled, needed: ReadonlySet<string>): Labelled {
  const axes = range(0, labels.length).filter((i) => !needed.has(labels[i]!))
  return { value: c.b.reduce('add', value, axes), labels: labels.filter((label) => needed.has(label)) }
}

/** Product of two tensors, summed over the labels that both have and nothing else needs. */
function multiply(c: OpContext, left: Labelled, right: Labelled, needed: ReadonlySet<string>): Labelled {
  const { b } = c
  const l = sumAway(c, left, new Set([...needed, ...right.labels]))
  const r = sumAway(c, right, new Set([...needed, ...left.labels]))
  const shared = l.labels.filter((label) => r.labels.includes(label))
  const batch = shared.filter((label) => needed.has(label))
  const contracted = shared.filter((label) => !needed.has(label))
  const labels = [
    ...batch,
    ...l.labels.filter((x) => !shared.includes(x)),
    ...r.labels.filter((x) => !shared.includes(x)),
  ]
  if (contracted.length === 0) {
    const aligned = [l, r].map((t) => {
      const present = labels.filter((label) => t.labels.includes(label))
      const ordered = b.transpose(
        t.value,
        present.map((label) => t.labels.indexOf(label)),
      )
      return b.reshape(
        ordered,
        labels.map((label) => (t.labels.includes(label) ? t.value.type.shape[t.labels.indexOf(label)]! : 1)),
      )
    })
    return { value: b.binary('mul', aligned[0]!, aligned[1]!), labels }
  }
  const value = b.dotGeneral(l.value, r.value, {
    lhsBatch: batch.map((label) => l.labels.indexOf(label)),
    rhsBatch: batch.map((label) => r.labels.indexOf(label)),
    lhsContract: contracted.map((label) => l.labels.indexOf(label)),
    rhsContract: contracted.map((label) => r.labels.indexOf(label)),
  })
  return { value, labels }
}

/** Without an arrow the result has the labels that occur once, in alphabetical order, after the ellipsis. */
function implicitOutput(terms: readonly string[]): string {
  const all = terms.join('').replaceAll('.', '')
  const once = [...new Set(all)].filter((label) => all.indexOf(label) === all.lastIndexOf(label)).sort()
  return (terms.some((term) => term.includes('...')) ? '...' : '') + once.join('')
}

export const einsum: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const equation = c.string('equation').replaceAll(' ', '')
    const [left = '', right] = equation.split('->')
    const terms = left.split(',')
    const legal = [...terms, right ?? ''].every((term) => /^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(term))
    c.check(legal && terms.length === c.inputs.length, `equation "${equation}" for ${c.inputs.length} operands`)
    const named = terms.map((term, i): Labelled => ({
      value: c.input(i),
      labels: labelsOf(c, term, c.input(i).type.shape.length),
    }))
    const lengths = new Map<string, number>()
    for (const { value, labels } of named) {
      labels.forEach((label, i) => {
        const d = value.type.shape[i]!
        const known = lengths.get(label) ?? 1
        c.check(known === 1 || d === 1 || known === d, `"${label}" is both ${known} and ${d} long`)
        lengths.set(label, known === 1 ? d : known)
      })
    }
    const hidden = [...lengths.keys()].filter((label) => label.startsWith('.')).length
    const term = right ?? implicitOutput(terms)
    const output = labelsOf(c, term, term.includes('...') ? term.length - 3 + hidden : term.length)
    c.check(new Set(output).size === output.length && output.every((label) => lengths.has(label)), `result "${term}"`)
    const operands = named.map((t) => distinct(c, t, lengths))
    const result = operands.reduce((product, next, k) =>
      multiply(c, product, next, new Set([...output, ...operands.slice(k + 1).flatMap((t) => t.labels)])),
    )
    const summed = sumAway(c, result, new Set(output))
    // A label that only axes of length 1 had was dropped from none of them, so every label of the output is here.
    const ordered = b.transpose(
      summed.value,
      output.map((label) => summed.labels.indexOf(label)),
    )
    const { dtype } = c.input(0).type
    return [accumulatorOf(dtype) === dtype ? ordered : b.convert(ordered, dtype)]
  },
}

/** What to say of a field that an object does not have: which was meant, if one is like it, and which there are. */
export function noSuchField(name: string, names: readonly string[]): string {
  const distances = names.map((other) => distance(name.slice(0, most), other))
  const least = Math.min(...distances)
  const meant = least <= 1 + name.length / 4 ? `; did you mean "${names[distances.indexOf(least)]!}"?` : '.'
  return `there is no such field${meant} There ${names.length === 1 ? 'is only' : 'are'} ${names.join(', ')}`
}

/** Letters that are looked at. */
const most = 50

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++)
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (a[i] === b[j] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}

/** The names of classes that a model's metadata has, in order; undefined where it has none. */
export async function classNames(metadata: Readonly<Record<string, string>>): Promise<readonly string[] | undefined> {
  const { classesKey } = await import('../../index.ts')
  try {
    const value: unknown = JSON.parse(metadata[classesKey] ?? '')
    return Array.isArray(value) && value.every((name) => typeof name === 'string') ? value : undefined
  } catch {
    return undefined
  }
}

/** A501 where there are fewer than `least` names, or some are empty or the same; `text` is what they were read from. */
export async function checkClasses(names: readonly string[], text: string, least = 2): Promise<readonly string[]> {
  const { fail } = await import('../../index.ts')
  const wrong = names.findIndex((name, i) => name === '' || names.indexOf(name) < i)
  if (wrong >= 0)
    fail('A501', `--classes: name ${wrong + 1} is ${names[wrong] === '' ? 'empty' : `"${names[wrong]}" once more`}`)
  if (names.length < least)
    fail('A501', `--classes: "${text}" has ${names.length} names; there are two classes or more`)
  return names
}

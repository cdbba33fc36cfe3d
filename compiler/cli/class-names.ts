/** The names of classes that a model's metadata has, in order; undefined where it has none. */
export async function classNames(metadata: Readonly<Record<string, string>>): Promise<readonly string[] | undefined> {
  const { classesKey } = await import('../index.ts')
  try {
    const value: unknown = JSON.parse(metadata[classesKey] ?? '')
    return Array.isArray(value) && value.every((name) => typeof name === 'string') ? value : undefined
  } catch {
    return undefined
  }
}

/** Names with commas between them, or those in a file: a JSON list, or one on each line. A501 where there are fewer than two, or some are empty or the same. */
export async function parseClasses(text: string, least = 2): Promise<readonly string[]> {
  const { fail } = await import('../index.ts')
  const names =
    text.includes(',') || (least === 1 && !/[./\\]/.test(text))
      ? text.split(',').map((name) => name.trim())
      : await fromFile(text)
  const wrong = names.findIndex((name, i) => name === '' || names.indexOf(name) < i)
  if (wrong >= 0)
    fail('A501', `--classes: name ${wrong + 1} is ${names[wrong] === '' ? 'empty' : `"${names[wrong]}" once more`}`)
  if (names.length < least)
    fail('A501', `--classes: "${text}" has ${names.length} names; there are two classes or more`)
  return names
}

async function fromFile(path: string): Promise<readonly string[]> {
  const { readFile } = await import('../data/files.ts')
  const text = new TextDecoder().decode(readFile(path)).trim()
  if (!text.startsWith('[')) return text.split(/\r?\n/).map((line) => line.trim())
  const { fail, reasonOf } = await import('../index.ts')
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value
  } catch (error) {
    fail('A502', `"${path}" is no JSON: ${reasonOf(error)}`)
  }
  return fail('A502', `"${path}" is no JSON list of names`)
}

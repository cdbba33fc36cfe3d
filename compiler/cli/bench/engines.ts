import { InvalidArgumentError } from 'commander'
import type { Engine } from '../../bench/index.ts'

/** Names in one argument, with commas between. */
export function names(text: string): string[] {
  const list = text.split(',').map((name) => name.trim())
  const twice = list.find((name, i) => list.indexOf(name) < i)
  if (twice !== undefined) throw new InvalidArgumentError(`"${twice}" is named twice.`)
  return list
}

/** `node` stands for the system's Node and for the newest that npm brought. */
export async function enginesCalled(wanted: readonly string[]): Promise<Engine[]> {
  const { engines } = await import('../../bench/index.ts')
  const { fail } = await import('../../index.ts')
  const known = await engines()
  return wanted.flatMap((name) => {
    const found = known.filter((engine) => engine.name === name || engine.name.startsWith(`${name} (`))
    if (found.length > 0) return found
    return fail('A501', `there is no engine "${name}"; attar knows ${known.map((e) => e.name).join(', ')}`)
  })
}

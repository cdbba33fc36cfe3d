import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { reasonOf, fail } from '../../index.ts'
import { names } from '../bench/engines.ts'
import { noSuchField } from '../../train/network/no-such-field.ts'
import { bytes, timeLimit, type Limits } from './limits.ts'
import { platformList, type PlatformName } from './platforms.ts'

/** What a file or the command line may ask for. */
export interface Budget extends Limits {
  readonly target?: readonly PlatformName[] | undefined
  readonly engines?: readonly string[] | undefined
}

const fields = {
  ...{ maxSize: bytes, maxGzip: bytes, maxBrotli: bytes, maxMemory: bytes },
  ...{ maxColdStart: timeLimit, maxLatency: timeLimit },
  ...{ target: platformList, engines: names },
} as const

/** Where a budget is looked for when none is named: a file of its own, or `attar.check` in the package's. */
const [ownFile, packageFile] = ['attar.check.json', 'package.json']

/**
 * The budget in the file that is named, or in the attar.check.json or package.json of `folder`, the current one. A502 for a file that
 * is no JSON, A501 for what a budget cannot hold.
 */
export async function readBudget(named: string | undefined, folder = ''): Promise<{ file?: string; budget: Budget }> {
  const { readFile } = await import('../../data/files.ts')
  const usual = [ownFile, packageFile].map((file) => join(folder, file))
  for (const file of named !== undefined ? [named] : usual.filter((each) => existsSync(each))) {
    const whole = parse(file, readFile(file))
    const inPackage = isRecord(whole) && isRecord(whole['attar']) ? whole['attar']['check'] : undefined
    // A package without a budget is no mistake, unless it was named.
    if (named === undefined && file.endsWith(packageFile) && inPackage === undefined) continue
    const value = inPackage ?? whole
    return { file, budget: budgetIn(file, value) }
  }
  return { budget: {} }
}

function parse(file: string, content: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(content))
  } catch (error) {
    return fail('A502', `"${file}" is not JSON: ${reasonOf(error)}`)
  }
}

function budgetIn(file: string, value: unknown): Budget {
  if (!isRecord(value))
    fail('A501', `"${file}" has no budget`, { hint: 'such as { "maxSize": "60kB", "target": "workers-free" }' })
  const entries = Object.entries(value).map(([key, content]) => {
    if (!Object.hasOwn(fields, key)) fail('A501', `"${file}": ${key}: ${noSuchField(key, Object.keys(fields))}`)
    return [key, fieldOf(file, key as keyof typeof fields, content)] as const
  })
  return Object.fromEntries(entries) as Budget
}

function fieldOf(file: string, key: keyof typeof fields, content: unknown): unknown {
  const isList = Array.isArray(content) && content.every((each) => typeof each === 'string')
  const text = isList ? content.join(',') : typeof content === 'number' ? String(content) : content
  if (typeof text !== 'string') fail('A501', `"${file}": ${key} is neither a text nor a number nor a list of texts`)
  try {
    return fields[key](text)
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    return fail('A501', `"${file}": ${key}: ${JSON.stringify(text)}: ${error.message}`)
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

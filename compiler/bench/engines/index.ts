import { chromium } from './chromium.ts'
import { currentNode, deno, node } from './command-line.ts'
import type { Engine } from './engine.ts'
import { firefox } from './firefox.ts'
import { webkit } from './webkit.ts'
import { workerd } from './workerd.ts'

export { scriptOf, type Engine, type Files, type Job, type ModelScript, type NumberArray, type Task } from './engine.ts'
export { runModel, type Run } from './run-model.ts'

/** All engines that attar knows, those absent from this machine included. */
export const engines = async (): Promise<readonly Engine[]> => [
  node(),
  currentNode(),
  await chromium(),
  await firefox(),
  webkit(),
  workerd(),
  deno(),
]

import { resolve } from 'node:path'
import type { Terminal } from '../terminal.ts'

/** Options that name data, in the order in which it is used: what comes later judges what comes before. */
type Data = Readonly<Partial<Record<'calib' | 'train' | 'val' | 'test', string>>>

/** Warns where a model is judged by the data that it was fitted to or chosen by: the figures are too good then. */
export function warnOfSameData(data: Data, terminal: Terminal): void {
  const names = (['calib', 'train', 'val', 'test'] as const).filter((name) => data[name] !== undefined)
  for (const [i, judge] of names.entries()) {
    if (judge !== 'val' && judge !== 'test') continue
    const same = names.slice(0, i).find((name) => resolve(data[name]!) === resolve(data[judge]!))
    if (same !== undefined)
      terminal.err(`warning: --${judge} is the data of --${same}: what it tells is too good, give other samples`)
  }
}

import type { Schedule } from './schedule.ts'
import { constant } from './constant.ts'
import { cosine } from './cosine.ts'
import { oneCycle } from './one-cycle.ts'
import { step } from './step.ts'

export const schedules = { constant, cosine, 'one-cycle': oneCycle, step } satisfies Record<string, Schedule>
export type ScheduleName = keyof typeof schedules
export { warmed, type Schedule } from './schedule.ts'

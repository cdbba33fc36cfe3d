import type { MemoryPlan } from '../memory/plan.ts'
import type { Program } from './program.ts'

interface Observer {
  /** Called with what lowering and each rewrite after it leave. */
  readonly program: (program: Program) => void
  readonly plan: (program: Program, plan: MemoryPlan) => void
}

let observer: Observer | undefined

/** Has `next` see every program and plan from now on: tests verify them so, whatever makes them. */
export function observePrograms(next: Observer | undefined): void {
  observer = next
}

export function observed(program: Program): Program {
  observer?.program(program)
  return program
}

export function observedPlan(program: Program, plan: MemoryPlan): MemoryPlan {
  observer?.plan(program, plan)
  return plan
}

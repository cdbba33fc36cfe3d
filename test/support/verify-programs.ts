import { observePrograms } from '../../compiler/schedule/observe.ts'
import { verifyPlan, verifyProgram } from '../../compiler/schedule/verify-program.ts'

// Every program that a test compiles in its own process is verified after each rewrite, and so is its plan.
observePrograms({ program: verifyProgram, plan: verifyPlan })

import { observePrograms } from '../../compiler/schedule/program/observe.ts'
import { verifyPlan, verifyProgram } from '../../compiler/schedule/program/verify.ts'

// Every program that a test compiles in its own process is verified after each rewrite, and so is its plan.
observePrograms({ program: verifyProgram, plan: verifyPlan })

import type { TrainableModel } from '../../train/index.ts'
import { CostCounter, couplings, type Costs } from '../prune/index.ts'
import { withHalfTheBlocks } from './blocks.ts'
import { withDepthwise } from './depthwise.ts'

/** How a smaller model is made of one. */
export interface StudentOptions {
  /** `half`: every second residual block goes. */
  readonly blocks?: 'half' | undefined
  /** Convolutions become depthwise and pointwise ones. */
  readonly depthwise?: boolean | undefined
}

export interface StudentReport {
  /** Nodes in which the blocks that are gone ended. */
  readonly removed?: readonly string[]
  /** Convolutions that became two. */
  readonly depthwise?: readonly string[]
  readonly macs: { readonly before: number; readonly after: number }
  readonly parameters: { readonly before: number; readonly after: number }
}

/** A smaller model with what it can keep of the parameters of `teacher`. A702 where there is nothing in it to make smaller. */
export function studentOf(
  teacher: TrainableModel,
  { blocks, depthwise }: StudentOptions,
): { readonly model: TrainableModel; readonly report: StudentReport } {
  let model = teacher
  const report: { removed?: readonly string[]; depthwise?: readonly string[] } = {}
  if (blocks) ({ model, removed: report.removed } = withHalfTheBlocks(model))
  if (depthwise) ({ model, changed: report.depthwise } = withDepthwise(model))
  const [before, after] = [teacher, model].map(costsOf) as [Costs, Costs]
  const between = (of: keyof Costs) => ({ before: before[of], after: after[of] })
  return { model, report: { ...report, macs: between('macs'), parameters: between('params') } }
}

const costsOf = (model: TrainableModel): Costs => new CostCounter(couplings(model), model.parameters).costs

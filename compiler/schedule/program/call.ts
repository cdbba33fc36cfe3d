import { byteSize } from '../../core/scalar/dtype.ts'
import type { Expr } from '../../core/scalar/expr.ts'
import type {
  Buffer,
  TemplateAddress,
  TemplateArgument,
  TemplateFlip,
  TemplateKernel,
  TemplateRows,
  TemplateWalk,
} from './program.ts'
import { templates, type TemplateName } from '../templates.generated.ts'

/** The role of each argument of a template, by name. */
type Roles<T extends TemplateName> = (typeof templates)[T]['params']

/** What is given for an argument, by its role (`assembly/roles.ts`); `0` for the second operand of an epilogue that has none. */
type ArgumentFor<Role> = Role extends 'in' | 'out' | 'inout' | 'scratch'
  ? TemplateAddress
  : Role extends 'aux'
    ? TemplateAddress | 0
    : Role extends 'flip'
      ? TemplateFlip
      : number

/** The arguments of a template by name. */
export type TemplateArguments<T extends TemplateName> = {
  readonly [P in keyof Roles<T>]: ArgumentFor<Roles<T>[P]>
}

/** Templates with the very arguments of `T`. */
type Alike<T extends TemplateName> = {
  [D in TemplateName]: Roles<T> extends Roles<D> ? (Roles<D> extends Roles<T> ? D : never) : never
}[TemplateName]

export interface CallOptions<T extends TemplateName> {
  /** Takes the template's place where the relaxed dot product is exact. */
  readonly dot?: Alike<T>
  readonly holes?: Readonly<Record<string, Expr>>
  readonly replaces?: Buffer
  /**
   * Where the template's `@rows` may be done in parts: how many elements one iteration may go to from each address, all of
   * which it names.
   */
  readonly lengths?: Readonly<Partial<Record<keyof Roles<T>, number>>>
  readonly macs?: number
  readonly skippedMacs?: number
  readonly nodes: readonly string[]
}

/** A call of a template. What it reads and writes follows from the roles of its arguments. */
export function call<T extends TemplateName>(
  template: T,
  args: TemplateArguments<T>,
  { lengths, macs = 0, holes = {}, ...rest }: CallOptions<T>,
): TemplateKernel {
  const given = args as Readonly<Record<string, TemplateArgument>>
  const rows = lengths && rowsOf(template, given, lengths as Readonly<Record<string, number>>)
  return { kind: 'template', template, args: given, holes, macs, ...(rows && { rows }), ...rest }
}

/** A loop that `@rows` declares: its count, and the stride of each address that moves, by the names of arguments. */
interface RowLoop {
  readonly count: string
  readonly strides: Readonly<Record<string, string>>
}

function rowsOf(
  template: TemplateName,
  args: Readonly<Record<string, TemplateArgument>>,
  lengths: Readonly<Record<string, number>>,
): TemplateRows {
  const { rows: loops = [] } = templates[template] as { rows?: readonly RowLoop[] }
  const walks = Object.entries(args).flatMap(([argument, a]): TemplateWalk[] => {
    if (typeof a === 'number' || !('buffer' in a)) return []
    const strides = loops.map((loop) => {
      const stride = loop.strides[argument]
      return stride === undefined ? 0 : (args[stride] as number) / byteSize(a.buffer.dtype)
    })
    return [{ argument, strides, length: lengths[argument]! }]
  })
  return { loops: loops.map(({ count }) => ({ argument: count, extent: args[count] as number })), walks }
}

import { byteSize } from '../../core/dtype.ts'
import type { Expr } from '../../core/expr.ts'
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

type Parameters<T extends TemplateName> = (typeof templates)[T]['params']

/** What a parameter takes, by its role (`assembly/roles.ts`); `0` for the second operand of an epilogue that has none. */
type ArgumentFor<Role> = Role extends 'in' | 'out' | 'inout' | 'scratch'
  ? TemplateAddress
  : Role extends 'aux'
    ? TemplateAddress | 0
    : Role extends 'flip'
      ? TemplateFlip
      : number

/** The arguments of a template by the names of its parameters. */
export type TemplateArguments<T extends TemplateName> = {
  readonly [P in keyof Parameters<T>]: ArgumentFor<Parameters<T>[P]>
}

/** Templates with the very parameters of `T`. */
type Alike<T extends TemplateName> = {
  [D in TemplateName]: Parameters<T> extends Parameters<D> ? (Parameters<D> extends Parameters<T> ? D : never) : never
}[TemplateName]

export interface CallOptions<T extends TemplateName> {
  /** Takes the template's place where the relaxed dot product is exact. */
  readonly dot?: Alike<T>
  readonly holes?: Readonly<Record<string, Expr>>
  readonly replaces?: Buffer
  /**
   * Where the template's `@rows` may be done in parts: how many elements one iteration may reach from each address, all of
   * which it names.
   */
  readonly reach?: Readonly<Partial<Record<keyof Parameters<T>, number>>>
  readonly macs?: number
  readonly nodes: readonly string[]
}

/** A call of a template. What it reads and writes follows from the roles of its parameters. */
export function call<T extends TemplateName>(
  template: T,
  args: TemplateArguments<T>,
  { reach, macs = 0, holes = {}, ...rest }: CallOptions<T>,
): TemplateKernel {
  const given = args as Readonly<Record<string, TemplateArgument>>
  const rows = reach && rowsOf(template, given, reach as Readonly<Record<string, number>>)
  return { kind: 'template', template, args: given, holes, macs, ...(rows && { rows }), ...rest }
}

/** A loop that `@rows` declares: its count, and the stride of each address that moves, by the names of parameters. */
interface RowLoop {
  readonly count: string
  readonly strides: Readonly<Record<string, string>>
}

function rowsOf(
  template: TemplateName,
  args: Readonly<Record<string, TemplateArgument>>,
  reach: Readonly<Record<string, number>>,
): TemplateRows {
  const { rows: loops = [] } = templates[template] as { rows?: readonly RowLoop[] }
  const walks = Object.entries(args).flatMap(([argument, a]): TemplateWalk[] => {
    if (typeof a === 'number' || !('buffer' in a)) return []
    const strides = loops.map((loop) => {
      const stride = loop.strides[argument]
      return stride === undefined ? 0 : (args[stride] as number) / byteSize(a.buffer.dtype)
    })
    return [{ argument, strides, length: reach[argument]! }]
  })
  return { loops: loops.map(({ count }) => ({ argument: count, extent: args[count] as number })), walks }
}

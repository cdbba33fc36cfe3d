import { compile, target, targets, type ModuleSpec, type Target, type Tensor } from '../index.ts'
import { childInstance, findCurrentNode } from './child-instance.ts'
import { labelsOf, type Engine, type Runner } from './engine.ts'
import { localInstance } from './instance.ts'

/** Where modules run. Each place holds one module at a time. */
export interface Places {
  /** Where modules with relaxed SIMD run, e.g. `Node v26.10.0`; undefined where nothing has it, so that they do not. */
  readonly relaxed: string | undefined
  /** A runner for each module that has a place. */
  runners(modules: Readonly<Partial<Record<Target, Uint8Array>>>, spec: ModuleSpec): Runner[]
  close(): void
}

/** The baseline runs in this process, relaxed SIMD where this engine has it, else in one child process of a current Node. */
export function modulePlaces(): Places {
  const own = target === 'relaxed-simd'
  const node = own ? undefined : findCurrentNode()
  const child = node && childInstance(node)
  const places = { simd: localInstance(), 'relaxed-simd': own ? localInstance() : child }
  const latest = new Map<Target, Uint8Array>()
  return {
    relaxed: own ? `Node ${process.version}` : node && `Node ${node.version}`,
    runners: (modules, spec) =>
      targets.flatMap((variant): Runner[] => {
        const [module, place] = [modules[variant], places[variant]]
        if (!module || !place) return []
        let started: Readonly<Record<string, Tensor>> | undefined
        let isFresh = true
        const load = async (): Promise<void> => {
          if (latest.get(variant) === module) return
          await place.load(module, spec)
          latest.set(variant, module)
          isFresh = true
        }
        const begin = async (values?: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>> => {
          await load()
          started = await place.begin(values)
          return started
        }
        const run: Runner['run'] = async (inputs, strings) => {
          await load()
          // A fresh memory is zeroed. What counts is the run after another, as users' runs are.
          if (isFresh) await place.run(inputs, strings)
          if (isFresh && spec.states) await place.begin(started)
          isFresh = false
          return place.run(inputs, strings)
        }
        return [{ variant, labels: labelsOf(spec.outputs), run, texts: place.texts, ...(spec.states && { begin }) }]
      }),
    close: () => child?.close(),
  }
}

/** Compiles to modules and runs them. */
export const moduleEngine = (places: Places): Engine => ({
  prepare: async (model, options) => {
    const { modules, spec } = await compile(model, options)
    return places.runners(modules, spec)
  },
})

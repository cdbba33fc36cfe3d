/** A WebAssembly engine that runs a model's files as a user's program would. */
export interface Engine {
  readonly name: string
  /** Why it can't run on this machine. */
  readonly absent?: string
  /** Whether jobs run in a page. */
  readonly isBrowser?: boolean
  /** As the engine itself states it. */
  version(): Promise<string>
  /**
   * Runs a job in a fresh process and gives back its result.
   * @throws Error if the job does, with the engine's own message, or takes longer than `timeLimit`.
   */
  run(job: Job): Promise<unknown>
}

export interface Job {
  /** Folder of the files that `artefacts` made. */
  readonly directory: string
  /** The model's name there: `NAME.js` and its modules. */
  readonly name: string
  /** Text of an ES module without imports; its default export is a `Task`. */
  readonly script: string
  /** The task's second argument; must be representable in JSON. */
  readonly payload: unknown
  /** Further files for the task: names, and paths on this machine. Scripts among them find each other by name. */
  readonly files?: Readonly<Record<string, string>>
}

/** What runs inside the engine. Its result must be representable in JSON. */
export type Task<P> = (model: ModelScript, payload: P, files: Files) => Promise<unknown>

/**
 * The job's files by name: their addresses, of scheme `file:` or `http:`. On engines that bind modules statically, the
 * modules themselves, and no other files.
 */
export type Files = Readonly<Record<string, string | WebAssembly.Module>>

/** A model's `NAME.js`. `load()` without a source works on every engine, also where modules are bound statically. */
export interface ModelScript {
  readonly target: 'simd' | 'relaxed-simd'
  load(source?: WebAssembly.Module): Promise<{
    run(inputs: Readonly<Record<string, NumberArray>>): Readonly<Record<string, NumberArray>>
    /** Of models with states. */
    readonly state?: Readonly<Record<string, NumberArray>>
    reset?(): void
  }>
}

/** Any typed array. */
export type NumberArray = ArrayBufferView & { readonly [Symbol.toStringTag]: string }

/** The script of a task that refers to nothing outside itself. */
export const scriptOf = <P>(task: Task<P>): string => `export default ${task.toString()}`

/** Milliseconds for one job, the engine's start included. */
export const timeLimit = 300_000

/** Stands for an engine that this machine lacks. */
export function absentEngine(name: string, absent: string): Engine {
  const refuse = () => Promise.reject(new Error(`${name}: ${absent}`))
  return { name, absent, version: refuse, run: refuse }
}

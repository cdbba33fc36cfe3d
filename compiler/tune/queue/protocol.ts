import * as v from 'valibot'

/**
 * What coordinator and workers say to each other. All of it goes through a server that anybody may write to, so it is checked like a file
 * from a stranger: nothing in it is run, and no name in it is a path.
 */

const text = (most: number) => v.pipe(v.string(), v.maxLength(most))
const whole = (least: number, most = 2 ** 31 - 1) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most))
const id = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/, 'letters, digits, _ and -'))
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'a SHA-256'))
/** Of a file or folder in a folder that whoever looks for it knows. */
const fileName = v.pipe(
  text(255),
  v.regex(/^[^/\\\0]+$/, 'a name without a folder'),
  v.check((name) => name !== '.' && name !== '..'),
)
const real = v.union([
  v.number(),
  v.pipe(
    v.null(),
    v.transform(() => NaN),
  ),
])
/** Of a task: the trial, or the final training and its seed. */
const taskName = v.pipe(v.string(), v.regex(/^(trials\/\d{1,10}|final\/\d{1,10}-\d{1,10})$/, 'trials/3 or final/3-1'))

/** Fields of a search that name what it reads. */
const inputFields = ['model', 'train', 'val', 'test', 'teacher', 'vocabulary', 'plan', 'tokenizer'] as const

const announcementSchema = v.strictObject({
  /** attar's; another version may compute other numbers. */
  version: text(64),
  /** Of a search, as often as it is gone on with. */
  study: id,
  /** Of one process that goes on with it. */
  run: id,
  /** Seconds without a sign after which who holds something is taken to be gone. */
  lease: whole(1, 3600),
  config: v.strictObject({ name: fileName, sha256 }),
  inputs: v.pipe(v.array(v.strictObject({ field: v.picklist(inputFields), name: fileName, sha256 })), v.maxLength(16)),
  /** What the command line says instead of the configuration; of data that is read, which fields. */
  flags: v.strictObject({
    ...{
      epochs: v.optional(whole(1, 1_000_000)),
      seed: v.optional(whole(0, 2 ** 32 - 1)),
      label: v.optional(text(255)),
    },
    share: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
    data: v.pipe(v.array(v.picklist(['train', 'val', 'test'])), v.maxLength(3)),
  }),
  objectives: v.pipe(v.array(v.picklist(['accuracy', 'loss', 'bytes', 'ms'])), v.minLength(1), v.maxLength(8)),
  maxSize: v.optional(whole(1, Number.MAX_SAFE_INTEGER)),
  fingerprint: text(128),
  space: sha256,
})

/** A search that wants workers, told again and again. */
export type Announcement = v.InferOutput<typeof announcementSchema>
export type Input = Announcement['inputs'][number]

const jobSchema = v.strictObject({
  task: taskName,
  point: v.pipe(
    v.record(text(1000), v.pipe(v.number(), v.finite())),
    v.check((point) => Object.keys(point).length <= 10_000, 'at most 10 000 values'),
  ),
  scoresTest: v.boolean(),
  seed: v.optional(whole(0, 2 ** 32 - 1)),
})

/** A training that a worker takes from the queue. */
export type Job = v.InferOutput<typeof jobSchema>

const score = {
  ...{ loss: real, accuracy: v.optional(real), agreement: v.optional(real) },
  ...{ bytes: whole(0, Number.MAX_SAFE_INTEGER), ms: v.optional(real) },
}
const reason = text(4000)
const outcomeSchema = v.variant('state', [
  v.strictObject({
    state: v.literal('complete'),
    values: v.pipe(v.array(real), v.maxLength(8)),
    measured: v.object(score),
  }),
  v.strictObject({ state: v.literal('stopped') }),
  v.strictObject({ state: v.literal('rejected'), reason }),
  v.strictObject({ state: v.literal('failed'), reason, isMachines: v.optional(v.boolean()) }),
])

/** What a training leaves, that whoever asked for it keeps. */
export const resultFiles = ['model.onnx', 'report.json', 'right.json'] as const
export const maxFileBytes = 2 ** 28

const fileSchema = v.strictObject({ name: v.picklist(resultFiles), bytes: whole(0, maxFileBytes), sha256 })
/** A file that lies on the server for whoever gets a result. */
export type ResultFile = v.InferOutput<typeof fileSchema>

/** A delivery is one handing over of a task to a worker; each has a name of its own. `ask` tells the questions of one apart. */
const asking = { task: taskName, delivery: id, ask: whole(0) }
const workerMessageSchema = v.variant('kind', [
  /** A worker is there; `refusal` is why it takes nothing. */
  v.strictObject({
    ...{ kind: v.literal('hello'), worker: id, name: text(255), jobs: whole(1, 256) },
    refusal: v.optional(reason),
  }),
  v.strictObject({ kind: v.literal('bye'), worker: id }),
  v.strictObject({ kind: v.literal('start'), worker: id, ...asking }),
  v.strictObject({
    ...{ kind: v.literal('epoch'), ...asking, epoch: whole(0), value: real },
    /** JSON has null for infinity: it is not known. */
    epochs: v.nullable(whole(1)),
  }),
  v.strictObject({
    ...{ kind: v.literal('end'), ...asking, outcome: outcomeSchema },
    files: v.pipe(v.array(fileSchema), v.maxLength(resultFiles.length)),
  }),
  /** It goes back to the queue: its worker ends. */
  v.strictObject({ kind: v.literal('back'), ...asking }),
])
export type WorkerMessage = v.InferOutput<typeof workerMessageSchema>
export type Question = Extract<WorkerMessage, { readonly ask: number }>

const answerSchema = v.variant('kind', [
  v.strictObject({
    ...{ kind: v.literal('answer'), delivery: id, ask: whole(0) },
    /** `drop`: somebody else has it, or it is done. */
    says: v.picklist(['go', 'stop', 'drop']),
  }),
  /** The run ends: nothing of it is wanted any more. */
  v.strictObject({ kind: v.literal('over') }),
])
export type CoordinatorMessage = v.InferOutput<typeof answerSchema>
export type Says = Extract<CoordinatorMessage, { kind: 'answer' }>['says']

/** Reads a message; what is none of its kind is undefined. */
type Reader<T> = (value: unknown) => T | undefined

const maxMessage = 1 << 20

const reader =
  <S extends v.GenericSchema>(schema: S): Reader<v.InferOutput<S>> =>
  (value) => {
    const found = v.safeParse(schema, value)
    return found.success ? found.output : undefined
  }

const fromText =
  <T>(read: Reader<T>): Reader<T> =>
  (value) => {
    if (typeof value !== 'string' || value.length > maxMessage) return undefined
    try {
      return read(JSON.parse(value))
    } catch (error) {
      if (error instanceof SyntaxError) return undefined
      throw error
    }
  }

export const readAnnouncement = fromText(reader(announcementSchema))
export const readWorkerMessage = fromText(reader(workerMessageSchema))
export const readCoordinatorMessage = fromText(reader(answerSchema))
/** The queue has parsed it. */
export const readJob = reader(jobSchema)

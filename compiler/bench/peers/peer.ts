import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { missingPackage, type ModuleSpec, type Tensor } from '../../index.ts'
import type { Sizes } from '../sizes.ts'
import type { Starter } from '../task.ts'

/** `jax-js` trains only; `onnxruntime-web` and `litert` run models only. */
export const peerNames = ['onnxruntime-web', 'litert', 'tfjs', 'jax-js'] as const
export type PeerName = (typeof peerNames)[number]
/** What a quantized model is to a peer: integers, or the floats that they stand for. */
export const forms = ['int8', 'f32'] as const
export type Form = (typeof forms)[number]
/** What may be measured beside attar, of quantized models each form that the peer has; `calibration` is a loop of known work. */
export type SystemName = PeerName | `${PeerName} ${Form}` | 'calibration'

/** The model that a peer is to run. */
export interface PeerModel {
  /** Path of the ONNX model. */
  readonly source: string
  readonly spec: ModuleSpec
  /** Inputs of the model that are constants in attar's module. */
  readonly bound: Readonly<Record<string, Tensor>>
  /** What inputs start as that stay in attar's module. Others are given this in every run. */
  readonly starts: Readonly<Record<string, Tensor>>
  /** A folder for files that the peer needs; it stays as long as the peer is used. */
  readonly folder: string
}

/** Another system with a model, ready to be measured. */
export interface Peer {
  readonly name: SystemName
  /** Runs only where there is a document. */
  readonly inPages: boolean
  /** Starts it inside the engine; its text is taken there. */
  readonly start: Starter
  /** The starter's argument; must be representable in JSON. */
  readonly settings: unknown
  /** Files for it inside the engine: names, and paths on this machine. */
  readonly paths: Readonly<Record<string, string>>
  /** What a user downloads: all of the files. */
  bytes(): Promise<Sizes>
}

export const nameOf = (peer: PeerName, form: Form | undefined): SystemName => (form ? `${peer} ${form}` : peer)

/** What a file is called in the job: forms in one page have scripts of their own, and so engines of their own. */
export const fileOf = (file: string, form: Form | undefined): string => (form ? file.replace('.', `.${form}.`) : file)

/** The path of an installed package's folder that has `file` in it. A503 where the package is missing. */
export function packageFolder(name: string, file: string): string {
  const candidates = createRequire(import.meta.url).resolve.paths(name) ?? []
  const folder = candidates.map((path) => join(path, name)).find((path) => existsSync(join(path, file)))
  return folder ?? missingPackage(name)
}

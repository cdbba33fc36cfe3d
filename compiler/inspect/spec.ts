import {
  abiVersion,
  activations,
  boxCodings,
  type LimitSpec,
  type ModuleSpec,
  type PictureSpec,
  type TextSpec,
  type PortSpec,
  type Signature,
  type SoundSpec,
  type StateSpec,
} from '../core/artefact/artefact.ts'
import { fail } from '../core/diagnostics/diagnostic.ts'
import { byteSize, dtypes } from '../core/scalar/dtype.ts'
import { elementCount } from '../core/shape.ts'
import { isStrings, isStructures } from './structures.ts'

/** The custom section that carries a module's `ModuleSpec` as JSON. */
export const specSection = 'attar'

const sizeLimit = 2 ** 24

/**
 * The specification in the payload of a module's custom section `attar`; `memory` is the module's size of it in bytes.
 * @throws CompileError A502 unless it is one of this version's ABI and its tensors lie within the memory.
 */
export function readSpec(payload: Uint8Array, memory: number): ModuleSpec {
  if (payload.length > sizeLimit) bad(`${payload.length} bytes of it`)
  let spec: unknown
  try {
    spec = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch (error) {
    bad(String(error))
  }
  if (!isRecord(spec)) bad('no object')
  if (spec.abi !== abiVersion) bad(`ABI ${JSON.stringify(spec.abi)}, this version reads ${abiVersion}`)
  if (typeof spec.attar !== 'string') bad('no version')
  if (typeof spec.hash !== 'string') bad('no hash')
  const { hash, attar, inputs, outputs, metadata } = spec
  if (!isRecord(metadata) || !hasStrings(metadata)) bad('metadata that is no text')
  checkPorts('inputs', inputs, memory)
  checkPorts('outputs', outputs, memory)
  if (inputs.some((port) => port.extents)) bad('inputs of unknown size')
  const { pictures, sound, text, limits, signatures, structures, strings } = spec
  if (signatures !== undefined) checkSignatures(signatures, { inputs, outputs }, memory)
  if (sound !== undefined && !isSound(sound, inputs)) bad('a malformed sound')
  if (pictures !== undefined && !isPictures(pictures)) bad('malformed pictures')
  if (text !== undefined && !isText(text)) bad('malformed text')
  if (limits !== undefined && !(Array.isArray(limits) && limits.every((limit) => isLimit(limit, memory))))
    bad('malformed limits')
  if (structures !== undefined && !isStructures(structures, inputs, outputs)) bad('malformed structures')
  if (strings !== undefined && !isStrings(strings, inputs, outputs)) bad('malformed strings')
  const known = {
    ...{ abi: abiVersion, hash, attar, inputs, outputs, metadata },
    ...(signatures && { signatures }),
    ...(pictures && { pictures }),
    ...(sound && { sound }),
    ...(text && { text }),
    ...(structures && { structures }),
    ...(strings && { strings }),
    ...(limits && { limits: limits as LimitSpec[] }),
  }
  if (spec.states === undefined) return known
  const { states } = spec
  checkPorts('states', states, memory)
  if (!states.every(isState)) bad('malformed states')
  return { ...known, states }
}

/** Ports of the same names and types as the first shape's. */
function checkSignatures(value: unknown, first: Signature, memory: number): asserts value is Signature[] {
  if (!Array.isArray(value) || value.length < 2) bad('malformed signatures')
  const typesOf = (ports: readonly PortSpec[]): string => JSON.stringify(ports.map(({ name, dtype }) => [name, dtype]))
  for (const each of value as unknown[]) {
    if (!isRecord(each)) bad('malformed signatures')
    for (const kind of ['inputs', 'outputs'] as const) {
      const ports = each[kind]
      checkPorts(kind, ports, memory)
      if (typesOf(ports) !== typesOf(first[kind])) bad(`signatures of other ${kind}`)
    }
  }
  if (JSON.stringify((value as Signature[])[0]) !== JSON.stringify(first)) bad('a first signature that is another')
}

function isPictures(value: unknown): value is PictureSpec {
  if (!isRecord(value) || typeof value.input !== 'string') return false
  const { scores, boxes } = value
  return (boxes === undefined || isBoxes(boxes)) && isScores(scores)
}

function isText(value: unknown): value is TextSpec {
  if (!isRecord(value) || typeof value.ids !== 'string') return false
  const { mask = '', types = '', positions = '' } = value
  return [mask, types, positions].every((name) => typeof name === 'string') && isScores(value.scores)
}

function isScores(scores: unknown): boolean {
  if (scores === undefined) return true
  return (
    isRecord(scores) && typeof scores.output === 'string' && activations.some((known) => known === scores.activation)
  )
}

function isSound(value: unknown, inputs: readonly PortSpec[]): value is SoundSpec {
  if (!isRecord(value)) return false
  const port = inputs.find(({ name }) => name === value.input)
  const numbers = value.hops === undefined ? [value.rate] : [value.rate, value.hops]
  return (
    port?.dtype === 'f32' &&
    port.shape.length === 1 &&
    port.shape[0]! > 0 &&
    numbers.every((n) => Number.isSafeInteger(n) && (n as number) > 0)
  )
}

const isField = (value: unknown): boolean =>
  isRecord(value) && typeof value.output === 'string' && [value.start, value.row, value.column].every(isPlace)

const isBoxes = (value: unknown): boolean =>
  isRecord(value) &&
  Array.isArray(value.parts) &&
  value.parts.every(
    (part) =>
      isRecord(part) &&
      isPlace(part.count) &&
      [part.boxes, part.scores, part.objectness ?? part.boxes, part.label ?? part.boxes].every(isField),
  ) &&
  boxCodings.some((known) => known === value.coding) &&
  activations.some((known) => known === value.activation) &&
  [value.scale, value.anchors ?? []].every((list) => Array.isArray(list) && list.every((n) => typeof n === 'number')) &&
  Array.isArray(value.classes) &&
  value.classes.every((name) => name === null || typeof name === 'string')

/** An i32 in the memory. */
const isCount = (address: unknown, memory: number): boolean =>
  isPlace(address) && address % 4 === 0 && address + 4 <= memory

const isPlace = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0

const isBound = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && value.every((n) => Number.isSafeInteger(n))

const isLimit = (value: unknown, memory: number): boolean =>
  isRecord(value) && typeof value.name === 'string' && isCount(value.address, memory) && isBound(value.bound)

const isState = (port: PortSpec): port is StateSpec =>
  !port.extents && !port.labels && typeof (port as Partial<StateSpec>).next === 'string'

function checkPorts(kind: string, ports: unknown, memory: number): asserts ports is PortSpec[] {
  if (!Array.isArray(ports) || !ports.every(isPort)) bad(`malformed ${kind}`)
  if (new Set(ports.map((port) => port.name)).size < ports.length) bad(`${kind} of the same name`)
  for (const { name, dtype, shape, address, extents = [] } of ports) {
    if (!extents.every(({ axis, address }) => isCount(address, memory) && isPlace(axis) && axis < shape.length)) {
      bad(`"${name}" with a size that is not in the memory`)
    }
    const bytes = elementCount(shape) * byteSize(dtype)
    // Written so that an infinite count fails too.
    if (!(address + bytes <= memory)) bad(`"${name}" ends at byte ${address + bytes} of ${memory}`)
    if (address % byteSize(dtype) !== 0) bad(`"${name}" stands at byte ${address}, unaligned for ${dtype}`)
  }
}

function isPort(port: unknown): port is PortSpec {
  if (!isRecord(port)) return false
  const { name, dtype, shape, address, extents = [], bounds = [], labels = [], classes = [], range = [0, 0] } = port
  return (
    typeof name === 'string' &&
    dtypes.some((known) => known === dtype) &&
    Array.isArray(shape) &&
    [...shape, address].every(isPlace) &&
    Array.isArray(extents) &&
    extents.every(isRecord) &&
    Array.isArray(bounds) &&
    bounds.every(isBound) &&
    isBound(range) &&
    Array.isArray(labels) &&
    labels.every((label) => typeof label === 'string') &&
    Array.isArray(classes) &&
    classes.every((name) => typeof name === 'string' || Number.isSafeInteger(name))
  )
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const hasStrings = (record: Record<string, unknown>): record is Record<string, string> =>
  Object.values(record).every((value) => typeof value === 'string')

function bad(what: string): never {
  fail('A502', `the module's section "${specSection}" has ${what}`)
}

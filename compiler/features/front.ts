import { Builder } from '../core/builder.ts'
import type { Executor } from '../core/executor.ts'
import { applyPatch, createNode, type Graph, type Port } from '../core/graph.ts'
import type { Tensor } from '../core/tensor.ts'
import { clipFeatures, extentOf, type SoundFeatures } from './clip.ts'
import { streamFeatures, type Memory } from './stream.ts'

/** A model that takes sounds, and what of it stays between runs. */
export interface SoundGraph {
  readonly graph: Graph
  readonly state: Readonly<Record<string, string>>
  readonly stateStart: Readonly<Record<string, Tensor>>
}

/**
 * `graph` with a sound in place of its input `port`, under the same name: f32[samples] of a whole one, or with `hops` so many hops
 * of a stream. The features are computed by the graph.
 */
export async function withSound(
  graph: Graph,
  port: Port,
  sound: SoundFeatures,
  hops: number | undefined,
  executor: Executor,
): Promise<SoundGraph> {
  const { name, value } = port
  const input = { name, ...value.type }
  const taken = new Set([...graph.inputs, ...graph.outputs].map((each) => each.name))
  const named = (wanted: string): string => {
    let free = wanted
    for (let i = 2; taken.has(free); i++) free = `${wanted} ${i}`
    taken.add(free)
    return free
  }
  const length = hops === undefined ? extentOf(sound, input).samples : hops * sound.features.hop
  const type = { dtype: 'f32', shape: [length] } as const
  const samples = createNode('input', [], { name, type }, undefined).results[0]!
  const stream = hops === undefined ? undefined : await streamFeatures(samples, hops, sound, input, named, executor)
  const features = stream?.value ?? clipFeatures(new Builder(undefined), samples, sound, input)
  const memories = stream?.memories ?? []
  const { outputs } = applyPatch(graph, new Map([[value, features]]))
  const inputs = graph.inputs.map((each) => (each === port ? { name, value: samples } : each))
  const each = <T>(of: (memory: Memory) => T): Record<string, T> =>
    Object.fromEntries(memories.map((memory) => [memory.input.name, of(memory)] as const))
  return {
    graph: {
      inputs: [...inputs, ...memories.map((memory) => memory.input)],
      outputs: [...outputs, ...memories.map(({ next }) => next)],
    },
    state: each(({ next }) => next.name),
    stateStart: each(({ start }) => start),
  }
}

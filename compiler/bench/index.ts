export { bench, type BenchModel, type BenchOptions, type EngineBench } from './bench.ts'
export { engines, type Engine } from './engines/index.ts'
export { onnxruntimeWeb, type Peer, type PeerName } from './peer.ts'
export type { Comparison, Measurement } from './results.ts'

export { describePeaks, type Macs, type Peaks } from './arithmetic.ts'
export { bench, type BenchModel, type BenchOptions, type EngineBench, type Training } from './bench.ts'
export { engines, type Engine } from './engines/index.ts'
export { calibration, calibrationMacs } from './calibration.ts'
export { benchLayers, type Layer, type LayerBench } from './layers.ts'
export {
  openPeers,
  openTrainers,
  peerNames,
  type Absence,
  type Peer,
  type PeerModel,
  type PeerName,
  type Trainee,
} from './peers/index.ts'
export { fastestOf, type Comparison, type Measurement } from './results.ts'
export { compressedSizes, thorough, type Sizes } from './sizes.ts'
export { median } from './statistics.ts'
export { reportPage, type ReportContent } from './report/page.ts'

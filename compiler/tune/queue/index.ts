export { Leases, type Holder } from './leases.ts'
export {
  maxFileBytes,
  readAnnouncement,
  readCoordinatorMessage,
  readJob,
  readWorkerMessage,
  resultFiles,
  type Announcement,
  type CoordinatorMessage,
  type Input,
  type Job,
  type Question,
  type ResultFile,
  type Says,
  type WorkerMessage,
} from './protocol.ts'
export { bullmq, channels, fileKey, queueOf, Server, type Queue, type QueuedJob, type QueueWorker } from './server.ts'

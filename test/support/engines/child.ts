/** The main module of a child process: `relaxedEngines`. */
import { runOver, type Job } from './run-over.ts'

process.on('message', (job: Job) => {
  try {
    process.send!(runOver(job))
  } catch (error) {
    process.send!(String(error))
  }
})

/** The factor of the highest learning rate at a share of the training that is done, 0 ≤ done < 1. */
export type Schedule = (done: number) => number

/** `schedule` behind a linear rise over the first `share` of the training. */
export const warmed =
  (schedule: Schedule, share: number): Schedule =>
  (done) =>
    done < share ? (done / share) * schedule(0) : schedule((done - share) / (1 - share))

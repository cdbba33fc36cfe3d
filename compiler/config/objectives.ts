/** What a search makes good: accuracy and loss of the validation data, bytes and milliseconds of the compiled module. */
export const objectives = ['accuracy', 'loss', 'bytes', 'ms'] as const
export type Objective = (typeof objectives)[number]

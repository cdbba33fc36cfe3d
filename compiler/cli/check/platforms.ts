import { InvalidArgumentError } from 'commander'
import { names } from '../bench/engines.ts'

/** Where a limit is documented. */
export interface Source {
  readonly url: string
  /** When it was read, and where the page says so, of when it is. */
  readonly read: string
}

/** A number that a platform documents. Bytes, or milliseconds. */
export interface PlatformLimit {
  readonly what: 'size' | 'gzip' | 'memory' | 'cold start' | 'latency'
  readonly max: number
  readonly source: Source
  /** What it is of, where that is more than the model. */
  readonly note?: string
}

/** What a platform's engine takes. */
export interface Platform {
  readonly limits: readonly PlatformLimit[]
  /** Where modules are compiled when the program is deployed and never later: it refuses one that a script carries. */
  readonly compilesAhead?: Source
  /** Where engines, or some of them, lack relaxed SIMD: the baseline must be there. */
  readonly lacksRelaxed?: Source
  /** Where scripts have no `WebAssembly`: only the module itself can be used, without NAME.js. */
  readonly lacksScripts?: Source
  /** Bytes of a module that a script may compile synchronously, as `instantiate()` does. */
  readonly synchronous?: { readonly max: number; readonly source: Source }
  /** Where text cannot be run as code. */
  readonly refusesEval?: Source
}

const read = 'read 2026-11-29'
const cloudflare: Source = { url: 'https://developers.cloudflare.com/workers/platform/limits/', read }
const cloudflareWasm: Source = {
  url: 'https://developers.cloudflare.com/workers/runtime-apis/webassembly/',
  read: `of 2026-04-23, ${read}`,
}
const cloudflareScripts: Source = {
  url: 'https://developers.cloudflare.com/workers/runtime-apis/web-standards/',
  read,
}
const vercelEdge: Source = { url: 'https://vercel.com/docs/functions/runtimes/edge', read }
const vercelSize: Source = { url: 'https://vercel.com/docs/functions/limitations', read: `of 2024-05-17, ${read}` }
const vercelWasm: Source = {
  url: 'https://vercel.com/docs/functions/runtimes/wasm',
  read: `of 2025-12-08, ${read}`,
}
const deno: Source = { url: 'https://docs.deno.com/deploy/pricing_and_limits', read }
const fastly: Source = {
  url: 'https://docs.fastly.com/products/compute-resource-limits',
  read: `of 2025-10-09, ${read}`,
}
const fastlyScripts: Source = { url: 'https://github.com/fastly/js-compute-runtime/issues/723', read }
const relaxedSimd: Source = {
  url: 'https://web-platform-dx.github.io/web-features-explorer/features/wasm-simd-relaxed',
  read,
}
const contentPolicy: Source = { url: 'https://www.w3.org/TR/CSP3/#directive-script-src', read }
/** The text of Chromium's error; its own test has the same number. */
const chromium: Source = { url: 'https://github.com/napi-rs/napi-rs/issues/2513', read }
const audio: Source = {
  url: 'https://developer.mozilla.org/en-US/docs/Web/API/BaseAudioContext/renderQuantumSize',
  read,
}

const [MB, MiB] = [1e6, 2 ** 20]
const wholeProgram = 'the limit is of the whole program'
const request = 'the limit is of a whole request’s CPU time, on their machines; this is of one run, on this machine'

const worker: Platform = {
  limits: [
    { what: 'size', max: 64 * MiB, source: cloudflare, note: wholeProgram },
    { what: 'memory', max: 128 * MB, source: cloudflare, note: wholeProgram },
    { what: 'cold start', max: 1000, source: cloudflare, note: 'the limit is of all that runs at start-up' },
  ],
  compilesAhead: cloudflareWasm,
  refusesEval: cloudflareScripts,
}

/** Platforms by name, with the limits that they document. */
export const platforms = {
  'workers-free': {
    ...worker,
    limits: [...worker.limits, { what: 'latency', max: 10, source: cloudflare, note: request }],
  },
  'workers-paid': {
    ...worker,
    // The default; up to 5 minutes can be configured.
    limits: [...worker.limits, { what: 'latency', max: 30_000, source: cloudflare, note: request }],
  },
  'vercel-edge': {
    limits: [
      // Of the Hobby plan; Pro has 2 MB, Enterprise 4 MB.
      { what: 'gzip', max: MB, source: vercelSize, note: `${wholeProgram}, on the Hobby plan; Pro has 2 MB` },
      { what: 'memory', max: 128 * MB, source: vercelEdge, note: wholeProgram },
    ],
    compilesAhead: vercelWasm,
    // It documents none, and older Node versions, which may run it, have none.
    lacksRelaxed: vercelWasm,
    refusesEval: { url: 'https://vercel.com/docs/edge-middleware/limitations', read },
  },
  'deno-deploy': {
    limits: [
      { what: 'size', max: 1000 * MB, source: deno, note: wholeProgram },
      { what: 'memory', max: 512 * MB, source: deno, note: wholeProgram },
    ],
  },
  fastly: {
    limits: [
      { what: 'size', max: 100 * MB, source: fastly, note: wholeProgram },
      { what: 'memory', max: 128 * MB, source: fastly, note: 'the limit is of the whole heap' },
      { what: 'latency', max: 50, source: fastly, note: request },
    ],
    lacksScripts: fastlyScripts,
    // Whether it has relaxed SIMD is not settled.
    lacksRelaxed: { url: 'https://github.com/fastly/Viceroy/pull/539', read },
  },
  'page-csp': {
    limits: [],
    lacksRelaxed: relaxedSimd,
    synchronous: { max: 8 * MiB, source: chromium },
    refusesEval: contentPolicy,
  },
  'audio-worklet': {
    limits: [
      {
        what: 'latency',
        // 128 frames at 48 kHz.
        max: (1000 * 128) / 48_000,
        source: audio,
        note: 'a block of 128 frames at 48 kHz: what takes longer on the audio thread is heard',
      },
    ],
    lacksRelaxed: relaxedSimd,
  },
} as const satisfies Readonly<Record<string, Platform>>

export type PlatformName = keyof typeof platforms
export const platformNames = Object.keys(platforms) as readonly PlatformName[]

/** Platforms in one argument, with commas between. */
export function platformList(text: string): PlatformName[] {
  return names(text).map((name) => {
    const known = platformNames.find((each) => each === name)
    if (!known)
      throw new InvalidArgumentError(`There is no platform "${name}"; attar knows ${platformNames.join(', ')}.`)
    return known
  })
}

import { Session } from 'node:inspector/promises'
import type { ProfileKind } from './admin/inspector.ts'

const CPU_INTERVAL_US = 1_000
const HEAP_INTERVAL_BYTES = 32 * 1024
/** A profile has a line for each place in the code and a number for each sample; this one is never near that. */
const MAX_BYTES = 32 * 1024 * 1024

/**
 * A profile of the thread that it is called in, as JSON: a `.cpuprofile` or a `.heapprofile` of Chrome's tools. Costs a few
 * percent of the CPU while it lasts, and nothing otherwise. Rejects when it would be too large.
 */
export async function takeProfile(kind: ProfileKind, durationMs: number): Promise<string> {
  const session = new Session()
  session.connect()
  try {
    const profile = JSON.stringify(await (kind === 'cpu' ? cpuProfile : heapProfile)(session, durationMs))
    if (profile.length > MAX_BYTES) throw new Error(`the profile has more than ${MAX_BYTES} bytes`)
    return profile
  } finally {
    session.disconnect()
  }
}

async function cpuProfile(session: Session, durationMs: number): Promise<unknown> {
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: CPU_INTERVAL_US })
  await session.post('Profiler.start')
  await pass(durationMs)
  const { profile } = await session.post('Profiler.stop')
  return profile
}

async function heapProfile(session: Session, durationMs: number): Promise<unknown> {
  await session.post('HeapProfiler.startSampling', { samplingInterval: HEAP_INTERVAL_BYTES })
  await pass(durationMs)
  const { profile } = await session.post('HeapProfiler.stopSampling')
  return profile
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

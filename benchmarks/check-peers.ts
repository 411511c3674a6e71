// Whether the peers did what their rows say: a proxy that copies bytes, or that does not log and trace what it is told
// to, would look fast. The load itself has checked that each answer is right.

import { readFileSync, truncateSync } from 'node:fs'
import type { SpanCollector } from './load/span-collector.ts'
import type { Measurement } from './measure.ts'
import type { RunningPeer } from './peers/peer.ts'

/** Proxies report with some delay. */
const PATIENCE_MS = 20_000
/** Of the requests that should be traced, for they are chosen at random. */
const LEAST_TRACED = 0.01 / 2
const LINE_END = 0x0a

export interface CheckedPeer {
  readonly peer: RunningPeer
  /** Where it reports its spans to. */
  readonly collector: SpanCollector | undefined
}

/** What the peers have counted so far; subtracted later. */
export interface PeerCounts {
  readonly answered: number
  readonly spans: number
}

export async function readCounts({ peer, collector }: CheckedPeer): Promise<PeerCounts> {
  return { answered: (await peer.countAnswered?.()) ?? 0, spans: collector?.spans ?? 0 }
}

/** Throws when the peer has counted or traced less than the load had answered since `before`. */
export async function checkPeer(
  checked: CheckedPeer,
  before: PeerCounts,
  measurements: readonly Measurement[],
): Promise<void> {
  const { peer } = checked
  const requests = measurements.flatMap(({ rounds }) => rounds.get(peer.name) ?? []).reduce((n, r) => n + r.requests, 0)
  const wanted = {
    answered: peer.countAnswered === undefined ? 0 : requests,
    spans: peer.accessLog === undefined ? 0 : requests * LEAST_TRACED,
  }
  const deadlineMs = performance.now() + PATIENCE_MS
  for (;;) {
    const now = await readCounts(checked)
    const answered = now.answered - before.answered
    const spans = now.spans - before.spans
    if (answered >= wanted.answered && spans >= wanted.spans) return
    if (performance.now() > deadlineMs) {
      throw new Error(`${peer.name} was sent ${requests} requests, and tells of ${answered} and of ${spans} spans`)
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Throws when the access log has fewer lines than that, then empties it: the logs of a whole run are gigabytes. */
export async function checkAccessLog({ name, accessLog }: RunningPeer, requests: number): Promise<void> {
  if (accessLog === undefined) return
  const deadlineMs = performance.now() + PATIENCE_MS
  while (countLines(accessLog) < requests) {
    if (performance.now() > deadlineMs) {
      throw new Error(`${name} has logged ${countLines(accessLog)} of ${requests} requests`)
    }
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  truncateSync(accessLog)
}

function countLines(file: string): number {
  const bytes = readFileSync(file)
  let lines = 0
  for (let at = bytes.indexOf(LINE_END); at >= 0; at = bytes.indexOf(LINE_END, at + 1)) lines++
  return lines
}

/** One point of `benchmarks/control-plane-scale.ts`, whose curve is in docs/benchmarks.md. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureScale, type ScaleResult } from '../../benchmarks/control-plane/measure-scale.ts'

const SIZE = { services: 1_000, endpoints: 10, proxies: 500, scope: 50 }
const TIMEOUT_MS = 300_000

test('1,000 services reach 500 proxies in 20 s and 1 GiB, and a change of an endpoint costs 20 ms of CPU', {
  timeout: TIMEOUT_MS,
}, async () => {
  // once more when it was too much: other programs of the machine can hold up one run, and hardly two
  const results = [await measure()]
  if (!results.some(isGood)) results.push(await measure())
  assert.ok(results.some(isGood), JSON.stringify(results))
  for (const { endpointChange } of results) {
    assert.ok(endpointChange.responses >= 25 && endpointChange.responses < 30, `${endpointChange.responses} responses`)
  }
})

function measure(): Promise<ScaleResult> {
  // so many that one of them bears no more than its part of a collection of the whole heap
  return measureScale({ ...SIZE, changes: 40, routeChanges: 0, silent: 0 })
}

function isGood({ syncedMs, peakRssBytes, endpointChange, storm }: ScaleResult): boolean {
  const rssBytes = Math.max(peakRssBytes, storm.peakRssBytes)
  return syncedMs <= 20_000 && rssBytes <= 2 ** 30 && endpointChange.cpuMs <= 20
}

/** One point of `benchmarks/control-plane-scale.ts`, whose curve is in docs/benchmarks.md. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureScale } from '../../benchmarks/control-plane/measure-scale.ts'

test('1,000 services reach 500 proxies in 20 s and 1 GiB, and a change of an endpoint costs 20 ms of CPU', async () => {
  const size = { services: 1_000, endpoints: 10, proxies: 500, scope: 50 }
  const { syncedMs, peakRssBytes, endpointChange, storm } = await measureScale({ ...size, changes: 20, silent: 0 })
  assert.ok(syncedMs <= 20_000, `all have everything after ${syncedMs} ms`)
  assert.ok(peakRssBytes <= 2 ** 30, `${peakRssBytes} bytes`)
  assert.ok(storm.peakRssBytes <= 2 ** 30, `${storm.peakRssBytes} bytes when all come back`)
  assert.ok(endpointChange.responses >= 25 && endpointChange.responses < 30, `${endpointChange.responses} responses`)
  assert.ok(endpointChange.cpuMs <= 20, `${endpointChange.cpuMs} ms of CPU`)
})

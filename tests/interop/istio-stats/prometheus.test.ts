import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../../doc-page/free-ports.ts'
import { mutable, mutableFrame } from '../../harness/codecs/index.ts'
import { startSidecarProcesses } from '../../harness/sidecar-processes.ts'
import { NAMING_LINTS } from '../charts/naming-lints.ts'
import {
  type PrometheusServer,
  programOf,
  promtool,
  type Sample,
  startPrometheus,
} from '../charts/prometheus-server.ts'

const PATIENCE_MS = 30_000
const POLL_MS = 500

before(() => {
  if (!existsSync(programOf('prometheus')))
    throw new Error('prometheus is missing: run scripts/setup-interop.sh prometheus')
})

test('a real Prometheus has who asked whom of both proxies, and promtool nothing against them but known names', async () => {
  await using mesh = await startSidecarProcesses(mutable)
  for (let id = 1; id <= 20; id++) await mesh.client.request(mutableFrame({ id }))
  for (const { adminPort } of [mesh.outbound, mesh.inbound]) {
    const reply = await fetch(`http://127.0.0.1:${adminPort}/stats/prometheus`, { headers: { connection: 'close' } })
    const page = await reply.text()
    assert.match(page, /^# TYPE istio_requests_total counter$/m)
    const { said } = promtool(['check', 'metrics'], page)
    const lints = said.split('\n').filter((line) => line !== '')
    assert.deepEqual(
      lints.filter((line) => !NAMING_LINTS.includes(line.slice(line.indexOf(' ') + 1))),
      [],
    )
    const ofIstio = lints.filter((line) => line.startsWith('istio_'))
    assert.deepEqual(ofIstio, ['istio_request_duration_milliseconds use base unit "seconds" instead of "milliseconds"'])
  }
  const port = Number((await freePorts(['9090'])).get('9090'))
  const targets = [mesh.outbound, mesh.inbound].map(({ adminPort }) => `127.0.0.1:${adminPort}`)
  await using prometheus = await startPrometheus(port, [{ name: 'sidecars', targets }])
  const by = 'reporter, source_workload, destination_workload, response_code'
  const samples = await answered(prometheus, `sum by (${by}) (istio_requests_total)`, 2)
  const common = { source_workload: 'web-v1', destination_workload: 'shop-v1', response_code: '0' }
  assert.deepEqual(samples.map(({ metric, value }) => [metric, value[1]]).sort(byReporter), [
    [{ reporter: 'destination', ...common }, '20'],
    [{ reporter: 'source', ...common }, '20'],
  ])
  const median = 'histogram_quantile(0.5, sum by (le) (istio_request_bytes_bucket{reporter="destination"}))'
  const [bytes] = await answered(prometheus, median, 1)
  assert.ok(Number(bytes?.value[1]) > 500, 'what the proxy beside the client has added is in the size')
})

function byReporter([a]: readonly unknown[], [b]: readonly unknown[]): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1
}

async function answered(prometheus: PrometheusServer, query: string, count: number): Promise<readonly Sample[]> {
  const endMs = performance.now() + PATIENCE_MS
  for (;;) {
    const samples = await prometheus.query(query)
    if (samples.length >= count || performance.now() > endMs) return samples
    await sleep(POLL_MS)
  }
}

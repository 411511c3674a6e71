import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { AWESOMERPC, failing, isFailed } from '../harness/four-protocols.ts'
import {
  awesomerpcFrame,
  connectClient,
  freePort,
  MeltemiProcess,
  MeshFolder,
  startEchoServer,
} from '../harness/index.ts'

const PATIENCE_MS = 15_000
const POLICY = `trafficPolicy: {
  loadBalancer: { simple: ROUND_ROBIN },
  outlierDetection: { consecutive5xxErrors: 3, interval: 1s, baseEjectionTime: 10m, maxEjectionPercent: 50 } }`
const UP = ['--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0']

test('outlierDetection of a DestinationRule takes a workload that fails out of use', async () => {
  await using good = await startEchoServer({ codec: awesomerpc })
  await using bad = await startEchoServer({ codec: awesomerpc, handler: failing(AWESOMERPC) })
  const port = await freePort()
  using folder = new MeshFolder({ port, versions: { v1: good.port, v2: bad.port } })
  const greeter = readFileSync(join(folder.path, 'greeter.yaml'), 'utf8')
  folder.write('greeter.yaml', greeter.replace(', subsets:', `, ${POLICY}, subsets:`))
  const env = { XDG_RUNTIME_DIR: folder.path }
  await using up = new MeltemiProcess(['up', folder.path, ...UP, '--log-level', 'warn'], { env })
  await up.said(/^ready: /m)
  await using client = await connectClient({ port, codec: awesomerpc })
  const endMs = performance.now() + PATIENCE_MS
  let id = 0
  const ask = async () => isFailed(await client.request(awesomerpcFrame({ id: ++id })))
  // as soon as the rule has come to the proxy
  for (let inRow = 0; inRow < 20; inRow = (await ask()) ? 0 : inRow + 1) {
    assert.ok(performance.now() < endMs, 'it is never ejected')
    if (id % 50 === 0) await sleep(20)
  }
  const before = bad.received.length
  assert.ok(before >= 3)
  for (let n = 0; n < 20; n++) assert.equal(await ask(), false)
  assert.equal(bad.received.length, before)
})

/**
 * What a real istiod sends to sidecars, and to a proxy that has to listen itself, is what was recorded:
 * tests/istio-fixtures.test.ts judges that without it. UPDATE_FIXTURES=1 records anew.
 */

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseCluster, parseEndpoints, parseListener } from '@meltemi/api'
import { receiveAll } from './ads-client.ts'
import { istioContext } from './istio-context.ts'
import { NAMESPACE } from './istio-resources.ts'
import { FRONT, FRONT_ADDRESS, NODES, RECORDED, type RecordedNode, recordedMesh, SERVICES } from './recorded-mesh.ts'
import { type Istiod, startIstiod } from './start-istiod.ts'

const PARSE = { cluster: parseCluster, endpoint: parseEndpoints, listener: parseListener } as const
const SETTLE_MS = 1000
const WAIT_MS = 30_000

/** Type → name → bytes in base64. */
type Recording = Readonly<Record<string, Readonly<Record<string, string>>>>

/** Names of what is in one of them alone, or not the same in both. */
function othersOf(some: Recording, others: Recording): readonly string[] {
  return Object.keys(PARSE).flatMap((type) => {
    const [one, two] = [some[type] ?? {}, others[type] ?? {}]
    const names = new Set([...Object.keys(one), ...Object.keys(two)])
    return [...names].filter((name) => unordered(one[name]) !== unordered(two[name])).map((name) => `${type} ${name}`)
  })
}

/** Its bytes in order: the fields of an EnvoyFilter's value come in any, as protobuf has it for maps. */
function unordered(base64 = ''): string {
  return Buffer.from(Buffer.from(base64, 'base64').sort()).toString('base64')
}

describe('a real istiod', () => {
  let istiod: Istiod
  before(async () => {
    istiod = await startIstiod(recordedMesh())
    const status = { phase: 'Running', podIP: FRONT_ADDRESS, podIPs: [{ ip: FRONT_ADDRESS }] }
    const patch = JSON.stringify({ status: { ...status, conditions: [{ type: 'Ready', status: 'True' }] } })
    const args = ['patch', 'pod', FRONT, '-n', NAMESPACE, '--subresource=status', '--type=merge', '-p', patch]
    istiod.kubernetes.kubectl(args)
  })
  after(async () => istiod?.[Symbol.asyncDispose]())

  async function receive({ node, only = /^/ }: RecordedNode): Promise<Recording> {
    const received = await receiveAll(istiod.port, node, SERVICES)
    const context = istioContext()
    const entries = Object.entries(PARSE).map(([type, parse]) => {
      const all = received[type as keyof typeof received].map((bytes) => [
        parse(bytes, context).name,
        Buffer.from(bytes).toString('base64'),
      ])
      return [type, Object.fromEntries(all.filter(([name = '']) => only.test(name)).sort())]
    })
    return Object.fromEntries(entries)
  }

  /** When it is the same twice. */
  async function settled(node: RecordedNode): Promise<Recording> {
    for (let last = await receive(node); ; ) {
      await sleep(SETTLE_MS)
      const next = await receive(node)
      if (JSON.stringify(next) === JSON.stringify(last)) return next
      last = next
    }
  }

  for (const [name, node] of Object.entries(NODES)) {
    test(`sends what was recorded: ${name}`, async () => {
      const file = join(RECORDED, `${name}.json`)
      if (process.env['UPDATE_FIXTURES'] === '1') {
        mkdirSync(RECORDED, { recursive: true })
        writeFileSync(file, `${JSON.stringify(await settled(node), undefined, 2)}\n`)
      }
      const recorded = JSON.parse(readFileSync(file, 'utf8')) as Recording
      const endMs = performance.now() + WAIT_MS
      let others = othersOf(await receive(node), recorded)
      while (others.length > 0 && performance.now() < endMs) {
        await sleep(100)
        others = othersOf(await receive(node), recorded)
      }
      assert.deepEqual(others, [])
    })
  }
})

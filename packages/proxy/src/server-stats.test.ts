import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LocalRegistry, MergedRegistry } from '@meltemi/runtime'
import { ServerStats } from './server-stats.ts'

/** How often all stats were looked through. */
class CountingRegistry extends MergedRegistry {
  reads = 0
  override read(accepts?: (name: string) => boolean) {
    this.reads++
    return super.read(accepts)
  }
}

test('the heaps of all threads are added up, with one look at the stats', () => {
  const metrics = new CountingRegistry()
  const stats = new ServerStats(metrics, 1, Date.now())
  const worker = new LocalRegistry(metrics.attach('1'))
  worker.gauge('server.memory_allocated').set(1e12)
  worker.gauge('server.memory_heap_size').set(3e12)
  worker.gauge('server.memory_allocated.not').set(7e12)
  metrics.reads = 0
  const [allocated, size] = stats.heap()
  assert.equal(metrics.reads, 1)
  assert.ok(allocated > 1e12 && allocated < 2e12, `${allocated}`)
  assert.ok(size > 3e12 && size < 4e12, `${size}`)
})

test('connections are those of listeners, whatever their addresses are', () => {
  const metrics = new MergedRegistry()
  const stats = new ServerStats(metrics, 1, Date.now())
  for (const address of ['0.0.0.0_80', '[__1]_90']) metrics.gauge(`listener.${address}.downstream_cx_active`).set(2)
  metrics.gauge('listener.0.0.0.0_80.downstream_cx_active_more').set(40)
  metrics.gauge('meta_protocol.a.downstream_cx_active').set(80)
  assert.equal(stats.activeConnections(), 4)
  stats.update('LIVE')
  const [total] = metrics.read((name) => name === 'server.total_connections')
  assert.equal(total?.kind === 'gauge' && total.value, 4)
})

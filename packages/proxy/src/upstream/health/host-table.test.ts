import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { Cell, HostFlag, HostTable, hostsBlock, MAX_HOSTS, reclaimHosts } from './host-table.ts'

function tables(workers: number): readonly [SharedArrayBuffer, readonly HostTable[]] {
  const block = new SharedArrayBuffer(hostsBlock('c').bytes)
  return [block, Array.from({ length: workers }, (_, worker) => new HostTable(block, workers, worker))]
}

test('whoever has a host has the same slot, and its address can be read there', () => {
  const [, [a, b]] = tables(2) as [unknown, [HostTable, HostTable]]
  for (const address of ['10.0.0.1:80', '[2001:db8::1]:65535', `unix:/${'x'.repeat(106)}`]) {
    const base = a.join(address, HostFlag.Unchecked)
    assert.equal(b.join(address, 0), base)
    assert.equal(b.addressOf(base), address)
    assert.ok(b.has(base, HostFlag.Unchecked), 'the first one says how it begins')
  }
  assert.equal(a.size, 3)
  assert.equal(a.join(`unix:/${'x'.repeat(107)}`, 0), -1)
  assert.equal(a.join('unix:/ö', 0), -1)
})

test('what is known of a host is kept as long as anybody has it, and then forgotten', () => {
  const [, [a, b]] = tables(2) as [unknown, [HostTable, HostTable]]
  const base = a.join('h:1', 0)
  b.join('h:1', 0)
  a.flag(base, HostFlag.Ejected, true)
  a.add(base, Cell.Ejections, 3)
  a.leave(base)
  assert.equal(b.get(base, Cell.Ejections), 3)
  assert.equal(b.count(HostFlag.Ejected), 1)
  b.leave(base)
  assert.deepEqual([a.size, a.count(HostFlag.Ejected)], [0, 0])
  assert.equal(a.get(a.join('h:1', 0), Cell.Ejections), 0)
})

test('a worker that is gone has no hosts, no lock and no lead any more', () => {
  const [block, [a, b]] = tables(40) as [SharedArrayBuffer, HostTable[]] as [SharedArrayBuffer, [HostTable, HostTable]]
  const last = new HostTable(block, 40, 39)
  last.join('only:1', 0)
  const both = a.join('both:1', 0)
  last.join('both:1', 0)
  assert.deepEqual([last.tryLead(), a.tryLead()], [true, false])
  const sizes = last.locked(() => {
    reclaimHosts(block, 39)
    return [a.size, a.locked(() => a.size)]
  })
  assert.deepEqual(sizes, [1, 1])
  assert.deepEqual(a.slots(), [both])
  assert.deepEqual([b.tryLead(), a.tryLead(), b.tryLead()], [true, false, true])
})

test('a table that is full takes no more, and takes again what has become free', () => {
  const [, [table]] = tables(1) as [unknown, [HostTable]]
  const bases = Array.from({ length: MAX_HOSTS }, (_, at) => table.join(`10.0.${at >> 8}.${at & 255}:80`, 0))
  assert.equal(new Set(bases).size, MAX_HOSTS)
  assert.equal(table.join('10.9.9.9:80', 0), -1)
  table.leave(bases[500] as number)
  assert.equal(table.join('10.9.9.9:80', 0), bases[500])
  assert.equal(table.size, MAX_HOSTS)
})

test('however hosts come and go, each has one slot of its own and finds it again', () => {
  const step = fc.record({
    worker: fc.integer({ min: 0, max: 2 }),
    host: fc.integer({ min: 0, max: 30 }),
    joins: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const [, all] = tables(3)
      const held = new Map<string, Map<number, number>>()
      for (const { worker, host, joins } of steps) {
        const table = all[worker] as HostTable
        const of = held.get(`h${host}:1`) ?? new Map<number, number>()
        held.set(`h${host}:1`, of)
        const base = of.get(worker)
        if (joins) of.set(worker, table.join(`h${host}:1`, 0))
        else if (base !== undefined) {
          table.leave(base)
          of.delete(worker)
        }
      }
      const used = [...held].filter(([, of]) => of.size > 0)
      for (const [address, of] of used) {
        assert.equal(new Set(of.values()).size, 1, address)
        assert.equal(all[0]?.addressOf([...of.values()][0] as number), address)
      }
      assert.equal(all[0]?.size, used.length)
      assert.equal(all[0]?.slots().length, used.length)
    }),
  )
})

test('threads that join and leave at the same time never share a slot of two hosts', async () => {
  const block = new SharedArrayBuffer(hostsBlock('c').bytes)
  const module = new URL('./host-table.ts', import.meta.url).href
  const code = `
    import { workerData, parentPort } from 'node:worker_threads'
    const { HostTable, Cell } = await import(${JSON.stringify(module)})
    const table = new HostTable(workerData.block, 3, workerData.worker)
    let faults = 0
    for (let round = 0; round < 300; round++) {
      const bases = []
      for (let host = 0; host < 8; host++) bases.push(table.join('10.0.0.' + host + ':80', 0))
      for (let host = 0; host < 8; host++) {
        if (table.addressOf(bases[host]) !== '10.0.0.' + host + ':80') faults++
        table.add(bases[host], Cell.Total, 1)
      }
      for (const base of bases) table.leave(base)
    }
    parentPort.postMessage(faults)`
  const run = (worker: number) =>
    new Promise<number>((resolve, reject) => {
      const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
        workerData: { block, worker },
        execArgv: ['--conditions=meltemi-source'],
      })
      thread.once('message', resolve).once('error', reject)
    })
  assert.deepEqual(await Promise.all([run(0), run(1), run(2)]), [0, 0, 0])
  assert.equal(new HostTable(block, 3, 0).size, 0)
})

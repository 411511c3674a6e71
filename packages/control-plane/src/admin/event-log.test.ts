import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf } from '@meltemi/api'
import { EventLog } from './event-log.ts'
import { MemoryBackend, metaRouter } from './testing/memory-backend.ts'

test('changes are read one after the other, each with what was there before', () => {
  const backend = new MemoryBackend([metaRouter('a')])
  const log = new EventLog(backend, { startRevision: 100 })
  assert.equal(log.next(100), undefined)
  backend.put(metaRouter('a', { labels: { app: 'x' } }))
  backend.put(metaRouter('b'))
  backend.remove(keyOf(metaRouter('a')))
  const read = [100, 101, 102].map((revision) => log.next(revision))
  assert.deepEqual(
    read.map(
      (event) => event !== undefined && event !== 'gone' && [event.revision, event.type, event.previous !== undefined],
    ),
    [
      [101, 'MODIFIED', true],
      [102, 'ADDED', false],
      [103, 'DELETED', true],
    ],
  )
  assert.equal(log.next(103), undefined)
})

test('what is no longer kept, or never was, is gone', () => {
  const backend = new MemoryBackend([])
  const log = new EventLog(backend, { startRevision: 100, capacity: 2 })
  for (const name of ['a', 'b', 'c']) backend.put(metaRouter(name))
  assert.equal(log.revision, 103)
  assert.equal(log.next(100), 'gone')
  const second = log.next(101)
  assert.ok(second !== undefined && second !== 'gone')
  assert.equal(second.stored.resource.metadata.name, 'b')
  for (const revision of [99, 0, 104, Number.NaN]) assert.equal(log.next(revision), 'gone', String(revision))
})

test('whoever waits is told of the next change, of its own end and of the end of the log', async () => {
  const backend = new MemoryBackend([])
  const log = new EventLog(backend)
  const own = new AbortController()
  const waiting = [log.changed(AbortSignal.abort()), log.changed(own.signal)]
  own.abort()
  await Promise.all(waiting)
  const changed = log.changed(new AbortController().signal)
  backend.put(metaRouter('a'))
  await changed
  const closed = log.changed(new AbortController().signal)
  log.close()
  await closed
  backend.put(metaRouter('b'))
  assert.equal(log.next(log.revision), undefined)
})

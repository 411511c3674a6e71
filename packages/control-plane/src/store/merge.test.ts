import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PlacedResource, Problem, ResourceKey } from '@meltemi/api'
import type { SourceSink } from '../sources/source.ts'
import { placed } from '../testing/resources.ts'
import { ResourceStore } from './merge.ts'

function service(port: number | string, comment = ''): string {
  return `${comment}apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { ports: [{ port: ${port} }] }\n`
}

const KEY = 'Service/default/a'

/** Ports above 65,535 are wrong. */
function validate({ resource, file, source }: PlacedResource): readonly Problem[] {
  const port = resource.kind === 'Service' ? (resource.spec.ports?.[0]?.port ?? 0) : 0
  if (port < 65_536) return []
  const { line, column } = source.place
  return [{ severity: 'error', file, line, column, path: 'spec', message: 'too large', code: 'invalid-value' }]
}

class Store {
  changes = 0
  synced = 0
  readonly store = new ResourceStore({ validate, onChange: () => this.changes++, onSynced: () => this.synced++ })

  put(sink: SourceSink, yaml: string, file = 'a.yaml'): void {
    sink.change(new Map(placed(yaml, file).map((each) => [each.key, each] as const)), [])
  }

  /** Ports of what was set, and what was deleted. */
  take(): { set: readonly unknown[]; deleted: readonly ResourceKey[]; touched: readonly ResourceKey[] } {
    const { set, deleted, touched } = this.store.take()
    const ports = [...set.values()].map((each) => (each.kind === 'Service' ? each.spec.ports?.[0]?.port : each.kind))
    return { set: ports, deleted, touched: [...touched] }
  }
}

describe('a store', () => {
  test('tells what is new, different and gone, once', () => {
    const it = new Store()
    const sink = it.store.sinkOf('x')
    it.put(sink, service(1))
    assert.deepEqual(it.take(), { set: [1], deleted: [], touched: [KEY] })
    assert.deepEqual(it.take(), { set: [], deleted: [], touched: [] })
    it.put(sink, service(2))
    assert.deepEqual(it.take(), { set: [2], deleted: [], touched: [KEY] })
    sink.change(new Map(), [KEY])
    assert.deepEqual(it.take(), { set: [], deleted: [KEY], touched: [KEY] })
    assert.equal(it.store.entries.size, 0)
    assert.equal(it.changes, 3)
  })

  test('drops what is the same, wherever its lines are now', () => {
    const it = new Store()
    const sink = it.store.sinkOf('x')
    it.put(sink, service(1))
    it.take()
    it.put(sink, service(1))
    assert.deepEqual(it.take(), { set: [], deleted: [], touched: [] })
    it.put(sink, service(1, '# moved\n'))
    assert.deepEqual(it.take(), { set: [], deleted: [], touched: [KEY] })
    assert.equal(it.store.entries.get(KEY)?.placed.source.place.line, 2)
  })

  test('tells of what came, went and came again only the end', () => {
    const it = new Store()
    const sink = it.store.sinkOf('x')
    it.put(sink, service(1))
    it.take()
    sink.change(new Map(), [KEY])
    it.put(sink, service(3))
    assert.deepEqual(it.take(), { set: [3], deleted: [], touched: [KEY] })
  })
})

describe('what is invalid', () => {
  test('is refused, and what was good before stays in force', () => {
    const it = new Store()
    const sink = it.store.sinkOf('x')
    it.put(sink, service(70_000))
    assert.deepEqual(it.take(), { set: [], deleted: [], touched: [KEY] })
    assert.equal(it.store.entries.get(KEY)?.accepted, undefined)
    it.put(sink, service(1))
    assert.deepEqual(it.take().set, [1])
    it.put(sink, service(70_001))
    assert.deepEqual(it.take(), { set: [], deleted: [], touched: [KEY] })
    const entry = it.store.entries.get(KEY)
    assert.equal(entry?.accepted?.kind === 'Service' && entry.accepted.spec.ports?.[0]?.port, 1)
    assert.equal(it.store.problems()[0]?.message, 'too large')
  })

  test('is told at the lines where it stands now', () => {
    const it = new Store()
    const sink = it.store.sinkOf('x')
    it.put(sink, service(70_000))
    it.put(sink, service(70_000, '# one\n# two\n'))
    assert.equal(it.store.problems()[0]?.line, 3)
  })
})

describe('several sources', () => {
  test('are synced when all of them are', () => {
    const it = new Store()
    const [a, b] = [it.store.sinkOf('a'), it.store.sinkOf('b')]
    assert.ok(!it.store.isSynced)
    a.synced()
    assert.equal(it.synced, 0)
    b.synced()
    b.synced()
    assert.equal(it.synced, 1)
    assert.ok(it.store.isSynced)
  })

  test('with the same resource: the first has it, the other is told and has it next', () => {
    const it = new Store()
    const [a, b] = [it.store.sinkOf('a'), it.store.sinkOf('b')]
    it.put(a, service(1), 'a.yaml')
    it.put(b, service(2), 'b.yaml')
    assert.deepEqual(it.take().set, [1])
    const [problem] = it.store.problems()
    assert.equal(problem?.code, 'duplicate-resource')
    assert.equal(problem?.file, 'b.yaml')
    a.change(new Map(), [KEY])
    assert.deepEqual(it.take(), { set: [2], deleted: [], touched: [KEY] })
    assert.deepEqual(it.store.problems(), [])
    b.change(new Map(), [KEY])
    assert.deepEqual(it.take().deleted, [KEY])
  })

  test('each have problems of their own, replaced in full', () => {
    const it = new Store()
    const [a, b] = [it.store.sinkOf('a'), it.store.sinkOf('b')]
    const problem = (message: string): Problem => ({
      severity: 'error',
      file: '',
      line: 0,
      column: 0,
      path: '',
      message,
    })
    a.problems([problem('1'), problem('2')])
    b.problems([problem('3')])
    a.problems([problem('4')])
    assert.deepEqual(
      it.store.problems().map(({ message }) => message),
      ['4', '3'],
    )
  })
})

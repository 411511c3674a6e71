import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProxyStatus } from './backend.ts'
import { mergeStreams } from './merge-streams.ts'

function status(
  id: string,
  connectedAt: string,
  states: Readonly<Record<string, string>>,
  snapshotVersion = '9',
): ProxyStatus {
  const types = Object.entries(states).map(([type, state]) => ({
    type,
    state,
    sentVersion: '1',
    ackedVersion: '1',
    error: '',
  }))
  return {
    node: { id, cluster: '', metadata: {}, userAgent: 'x' },
    connectedAt,
    snapshotVersion,
    types,
  } as ProxyStatus
}

test('streams of one proxy are one, since the first came, and as bad as the worst', () => {
  const merged = mergeStreams([
    status('a', '2026-01-01T00:00:02Z', { cluster: 'synced', route: 'not sent' }),
    status('b', '2026-01-01T00:00:00Z', { cluster: 'stale' }),
    status('a', '2026-01-01T00:00:01Z', { route: 'rejected', listener: 'synced', cluster: 'not sent' }, '10'),
  ])
  assert.deepEqual(
    merged.map(({ node, connectedAt, snapshotVersion, streams, types }) => [
      node.id,
      connectedAt,
      snapshotVersion,
      streams,
      Object.fromEntries(types.map(({ type, state }) => [type, state])),
    ]),
    [
      ['a', '2026-01-01T00:00:01Z', '9', 2, { cluster: 'synced', route: 'rejected', listener: 'synced' }],
      ['b', '2026-01-01T00:00:00Z', '9', 1, { cluster: 'stale' }],
    ],
  )
})

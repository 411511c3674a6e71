import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AccessLogConfig, ListenerConfig, MetaProtocolConfig } from '@meltemi/api/model'
import { MergedRegistry, systemClock } from '@meltemi/runtime'
import type { CodecDefinition } from '@meltemi/sdk'
import { BatchWriters } from '../observe/export/batch-writers.ts'
import { logDestination, NO_OUTLET } from '../observe/export/outlet.ts'
import type { ThreadTracing } from '../observe/tracing/tracing.ts'
import { buildObservation } from './build-observation.ts'

const SINK = { kind: 'stdout' } as const

function log(filter: AccessLogConfig['filter']): AccessLogConfig {
  return { sink: SINK, format: { kind: 'text', pieces: ['x'] }, omitEmptyValues: false, filter, asConfigured: {} }
}

test('logs that cannot be built hold nothing afterwards', () => {
  const metrics = new MergedRegistry()
  const writers = new BatchWriters(NO_OUTLET, systemClock, metrics)
  // what nobody holds is made anew for the next one
  const isHeld = () => {
    const [first, second] = [writers.hold(logDestination(SINK)), writers.hold(logDestination(SINK))]
    for (const held of [first, second]) held.release()
    const again = writers.hold(logDestination(SINK))
    again.release()
    return again.writer === first.writer
  }
  assert.equal(isHeld(), false)
  const matcher = {
    name: 'm',
    test: { kind: 'regex', pattern: '(' },
    invert: false,
    treatMissingAsEmpty: false,
  } as const
  const bad = log({ kind: 'property', of: 'request', matcher, passesMissing: undefined })
  const config = { applicationProtocol: 'test', accessLogs: [log(undefined), bad] } as unknown as MetaProtocolConfig
  const parts = {
    writers,
    tracing: {} as ThreadTracing,
    node: { id: '', cluster: '', zone: '' },
    hostname: '',
    referenceByteCounters: false,
  }
  assert.throws(() => buildObservation({} as ListenerConfig, config, {} as CodecDefinition, metrics, parts), /regexp/)
  assert.equal(isHeld(), false)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '@meltemi/runtime'
import { Metadata } from '@meltemi/sdk'
import { SeededRandom } from '../../util/random.ts'
import { BatchWriter } from '../export/batch-writer.ts'
import { WallClock } from '../wall-clock.ts'
import { IncomingContext } from './incoming-context.ts'
import { RequestIds } from './request-ids.ts'
import type { SpanEncoder } from './span.ts'
import { TraceIds } from './trace-ids.ts'
import { Tracing } from './tracing.ts'

function counter() {
  return {
    value: 0,
    add(n: number) {
      this.value += n
    },
  }
}

function tracing(encoder: SpanEncoder, dropped: { add(n: number): void }): Tracing {
  const ids = new TraceIds()
  const writer = new BatchWriter({
    destination: { kind: 'log', key: '', sink: { kind: 'stdout' } },
    outlet: { send: () => true },
    clock: systemClock,
    stats: { dropped, flushedByTimer: counter() },
    flushMs: 1000,
  })
  const [randomSampling, serviceForced, clientEnabled, notTraceable] = [counter(), counter(), counter(), counter()]
  return new Tracing({
    config: {
      clientSampling: 100,
      randomSampling: 10_000,
      overallSampling: 10_000,
      verbose: false,
      maxTagLength: 256,
      propagation: ['w3c'],
      provider: undefined,
      asConfigured: {},
    },
    direction: 'outbound',
    thread: {
      ids,
      requestIds: new RequestIds(ids),
      incoming: new IncomingContext(),
      random: new SeededRandom(1),
      wallClock: new WallClock(systemClock),
    },
    nodeId: '',
    zone: '',
    canSend: true,
    needsId: false,
    stats: { randomSampling, serviceForced, clientEnabled, notTraceable },
    exporter: { encoder, writer },
  })
}

test('a span that cannot be written is lost and counted, and its request goes on', () => {
  const dropped = counter()
  const encoder: SpanEncoder = {
    write() {
      throw new RangeError('too much')
    },
  }
  const exchange = { request: new Metadata(), mutateRequest() {} }
  const span = tracing(encoder, dropped).begin(exchange)
  const attempt = span?.beginTry(exchange, 'service', 1)
  const result = { host: '127.0.0.1', port: 1, address: '127.0.0.1:1', localAddress: '', localPort: 0 }
  attempt?.end(2, { ...result, failure: null, reply: null, isCancelled: false })
  assert.equal(dropped.value, 1)
})

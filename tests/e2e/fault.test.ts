import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_TYPES, type ErrorTypeName, type Fraction } from '@meltemi/api'
import { ErrorType, type Metadata, ResponseStatus } from '@meltemi/sdk'
import { abort, delay, FAULT, faultFilter, matching, setUpActions } from '../harness/actions.ts'
import { mutable, mutableFrame, streaming, streamingFrame } from '../harness/codecs/index.ts'
import { errorOf, FOUR_PROTOCOLS } from '../harness/four-protocols.ts'
import { connectClient, jsonLog, Observed, silent, testRoute } from '../harness/index.ts'

const ABORTED: Readonly<Record<string, string>> = {
  awesomerpc: 'rsp_code 1',
  dubbo: 'status 70',
  thrift: 'type 13',
  'third-party': "meta protocol fault: request '7' is aborted",
}
const NEVER_MS = 60_000

const mine = { codec: mutable }
const request = (id: number, pairs: Record<string, string> = {}) => mutableFrame({ id, pairs, body: 'hello' })
const text = (reply: Metadata) => reply.message.toString('utf8', reply.headerSize)

for (const protocol of FOUR_PROTOCOLS) {
  const { name, property } = protocol

  test(`${name}: a request is aborted with an error of its protocol, and the next one is answered`, async () => {
    const half: Fraction = { numerator: 50, denominator: 100 }
    await using setup = await setUpActions(protocol, [faultFilter({ ...abort(half), match: matching(property) })])
    const replies = []
    for (let id = 7; id < 27; id++) replies.push(await setup.client.request(protocol.request(7)))
    const failed = replies.filter(({ status }) => status === ResponseStatus.Error)
    assert.ok(failed.length > 2 && failed.length < 18, `${failed.length} of 20`)
    for (const reply of failed) assert.equal(errorOf(protocol, reply), ABORTED[name])
    assert.equal(setup.proxy.stat('fault.aborts_injected'), failed.length)
    assert.equal(setup.server.received.length, 20 - failed.length)
  })

  test(`${name}: a request is delayed, and answered then`, async () => {
    await using setup = await setUpActions(protocol, [faultFilter(delay(120))])
    const startedMs = performance.now()
    const reply = await setup.client.request(protocol.request(7))
    const waitedMs = performance.now() - startedMs
    assert.equal(reply.status, ResponseStatus.Ok)
    assert.ok(waitedMs >= 119, `${waitedMs} ms`)
    assert.equal(setup.proxy.stat('fault.delays_injected'), 1)
    assert.equal(setup.proxy.stat('fault.active_faults'), 0)
  })

  test(`${name}: what does not match goes on without a fault`, async () => {
    await using setup = await setUpActions(protocol, [faultFilter({ ...abort(), match: matching(property, true) })])
    assert.equal((await setup.client.request(protocol.request(7))).status, ResponseStatus.Ok)
    assert.equal(setup.proxy.stat('fault.aborts_injected'), 0)
  })

  test(`${name}: a route brings a fault of its own, and one takes the listener's away`, async () => {
    const off = testRoute('service', { match: matching(property), overrides: [{ name: FAULT, filter: undefined }] })
    await using without = await setUpActions(protocol, [faultFilter(abort())], { routes: [off, testRoute('service')] })
    assert.equal((await without.client.request(protocol.request(7))).status, ResponseStatus.Ok)
    const own = { name: FAULT, filter: faultFilter(abort()) }
    const on = testRoute('service', { match: matching(property), overrides: [own] })
    await using within = await setUpActions(protocol, [faultFilter()], { routes: [on, testRoute('service')] })
    assert.equal(errorOf(protocol, await within.client.request(protocol.request(7))), ABORTED[name])
  })
}

test('an abort may be any error that codecs know', async () => {
  for (const type of Object.keys(ERROR_TYPES) as ErrorTypeName[]) {
    const seen: number[] = []
    const create: typeof mutable.create = (side, config) => {
      const codec = mutable.create(side, config)
      const { onError } = codec
      codec.onError = (message, failure, out) => {
        seen.push(failure.type)
        onError.call(codec, message, failure, out)
      }
      return codec
    }
    await using setup = await setUpActions({ codec: { ...mutable, create } }, [faultFilter(abort(undefined, type))])
    await setup.client.request(request(1))
    assert.deepEqual(seen, [ErrorType[type]])
  }
})

test('as many requests are delayed and aborted as their percentages say', async () => {
  const percent = (numerator: number): Fraction => ({ numerator: numerator * 100, denominator: 10_000 })
  const filter = faultFilter({ ...delay(1, percent(30)), ...abort(percent(20)) })
  await using setup = await setUpActions(mine, [filter])
  const total = 4_000
  for (let id = 1; id <= total; id += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, at) => setup.client.request(request(id + at))))
  }
  // five standard deviations of a binomial distribution, which one run in a million exceeds
  const assertShare = (counted: number, share: number) => {
    const tolerance = 5 * Math.sqrt(total * share * (1 - share))
    assert.ok(Math.abs(counted - total * share) < tolerance, `${counted} of ${total}, not ${share}`)
  }
  assertShare(setup.proxy.stat('fault.delays_injected'), 0.3)
  assertShare(setup.proxy.stat('fault.aborts_injected'), 0.2)
  assert.equal(setup.server.received.length, total - setup.proxy.stat('fault.aborts_injected'))
})

test('a request may be delayed first and aborted then', async () => {
  await using setup = await setUpActions(mine, [faultFilter({ ...delay(100), ...abort() })])
  const startedMs = performance.now()
  const reply = await setup.client.request(request(1))
  assert.equal(text(reply), "meta protocol fault: request '1' is aborted")
  assert.ok(performance.now() - startedMs >= 99)
  assert.equal(setup.server.received.length, 0)
})

test('a client that leaves ends its delays, and nothing goes to the service', async () => {
  await using setup = await setUpActions(mine, [faultFilter(delay(NEVER_MS))])
  const other = await connectClient({ port: setup.proxy.port, codec: mutable })
  for (let id = 1; id <= 5; id++) other.send(request(id))
  await setup.proxy.until('fault.active_faults', 5)
  other.socket.resetAndDestroy()
  await setup.proxy.until('fault.active_faults', 0)
  assert.equal(setup.proxy.proxy.timerCount, 0)
  assert.equal(setup.server.received.length, 0)
})

test('no more are delayed than may be, the others go on and are counted', async () => {
  await using setup = await setUpActions(mine, [faultFilter({ ...delay(NEVER_MS), ...abort(), maxActiveFaults: 2 })])
  const replies: Metadata[] = []
  for (const id of [1, 2]) setup.client.send(request(id))
  await setup.proxy.until('fault.active_faults', 2)
  for (const id of [3, 4, 5]) replies.push(await setup.client.request(request(id)))
  assert.deepEqual(
    replies.map(({ status }) => status),
    [ResponseStatus.Ok, ResponseStatus.Ok, ResponseStatus.Ok],
  )
  assert.equal(setup.proxy.stat('fault.faults_overflow'), 3)
  assert.equal(setup.proxy.stat('fault.delays_injected'), 2)
  setup.client.socket.resetAndDestroy()
})

test('the time of a delay counts against that of the request, also when it is longer', async () => {
  const filter = { requestTimeoutMs: 600 }
  await using longer = await setUpActions(mine, [faultFilter(delay(NEVER_MS))], { filter })
  assert.match(text(await longer.client.request(request(1))), /request timeout/)
  assert.equal(longer.proxy.stat('fault.active_faults'), 0)
  const startedMs = performance.now()
  await using shorter = await setUpActions(mine, [faultFilter(delay(500))], { filter, handler: silent })
  assert.match(text(await shorter.client.request(request(1))), /request timeout/)
  const waitedMs = performance.now() - startedMs
  // two times 600 ms would be the sum of both
  assert.ok(waitedMs >= 599 && waitedMs < 1_050, `${waitedMs} ms`)
})

test('what is delayed while the proxy drains is answered', async () => {
  await using setup = await setUpActions(mine, [faultFilter(delay(150))])
  const reply = setup.client.request(request(1))
  await setup.proxy.until('fault.active_faults', 1)
  await setup.proxy.proxy.drain()
  assert.equal((await reply).status, ResponseStatus.Ok)
})

test('one-way messages are delayed, or end without a word', async () => {
  const oneway = (id: number) => streamingFrame({ type: 2, id, body: 'one' })
  const call = (id: number) => streamingFrame({ type: 0, id, body: 'call' })
  await using late = await setUpActions({ codec: streaming }, [faultFilter(delay(50))])
  late.client.send(oneway(1))
  await late.server.arrived(1)
  assert.equal(late.proxy.stat('fault.delays_injected'), 1)
  const match = matching(['body', 'one'])
  await using gone = await setUpActions({ codec: streaming }, [faultFilter({ ...abort(), match })])
  gone.client.send(oneway(1))
  assert.equal((await gone.client.request(call(2))).status, ResponseStatus.Ok)
  assert.deepEqual([gone.proxy.stat('fault.aborts_injected'), gone.server.received.length], [1, 1])
  assert.equal(gone.client.received.length, 1)
})

test('logs tell faults by the flags of Envoy', async () => {
  const outlet = new Observed()
  const log = jsonLog({ flags: '%RESPONSE_FLAGS%', long: '%RESPONSE_FLAGS_LONG%', code: '%RESPONSE_CODE_DETAILS%' })
  const filters = [
    faultFilter({ ...delay(1), match: matching(['delay', 'yes']) }),
    faultFilter({ ...abort(), match: matching(['abort', 'yes']) }),
  ]
  {
    await using setup = await setUpActions(mine, filters, { outlet, filter: { filters, accessLogs: [log] } })
    for (const pairs of [{}, { delay: 'yes' }, { abort: 'yes' }, { delay: 'yes', abort: 'yes' }]) {
      await setup.client.request(request(1, pairs))
    }
  }
  assert.deepEqual(outlet.lines, [
    { flags: null, long: null, code: '' },
    { flags: 'DI', long: 'DelayInjected', code: '' },
    { flags: 'FI', long: 'FaultInjected', code: 'fault_filter_abort' },
    { flags: 'DI,FI', long: 'DelayInjected,FaultInjected', code: 'fault_filter_abort' },
  ])
})

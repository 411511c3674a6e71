import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { dubbo } from '@meltemi/codecs/dubbo'
import { MessageType, ResponseStatus } from '@meltemi/sdk'
import { assertDenied, hasValue, rbacFilter, rbacRules, startAuthorizedProxy } from '../harness/authorized.ts'
import { mutable, mutableFrame, streaming, streamingFrame } from '../harness/codecs/index.ts'
import { dubboReply, dubboRequest } from '../harness/dubbo-frame.ts'
import { connectClient, FOUR_PROTOCOLS, jsonLog, Observed, startEchoServer } from '../harness/index.ts'

const OTHER = '127.0.0.2'
const PROXY_HEADER = Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n')
const cidr = (address_prefix: string, prefix_len: number) => ({ address_prefix, prefix_len })

for (const protocol of FOUR_PROTOCOLS) {
  const { name, codec, request, answer } = protocol
  const [property, first] = protocol.property
  const second = protocol.otherValue

  describe(`${name}:`, () => {
    test('what a policy of ALLOW fits is answered by the service, all else by the proxy', async () => {
      await using server = await startEchoServer({ codec, answer })
      const filter = rbacFilter({ rules: rbacRules('ALLOW', hasValue(property, first)) })
      await using proxy = await startAuthorizedProxy([filter], { codec, endpoints: [server.port] })
      await using client = await connectClient({ port: proxy.port, codec })
      assert.equal((await client.request(request(1, first))).status, ResponseStatus.Ok)
      const reply = await client.request(request(7, second))
      assert.equal(reply.status, ResponseStatus.Error)
      assertDenied(protocol, reply)
      // the connection stays usable
      assert.equal((await client.request(request(2, first))).status, ResponseStatus.Ok)
      assert.equal(server.received.length, 2)
      assert.deepEqual([proxy.stat('authz.rbac.allowed'), proxy.stat('authz.rbac.denied')], [2, 1])
    })

    test('what a policy of DENY fits is answered by the proxy, all else by the service', async () => {
      await using server = await startEchoServer({ codec, answer })
      const filter = rbacFilter({ rules: rbacRules('DENY', hasValue(property, first)) })
      await using proxy = await startAuthorizedProxy([filter], { codec, endpoints: [server.port] })
      await using client = await connectClient({ port: proxy.port, codec })
      assertDenied(protocol, await client.request(request(7, first)))
      assert.equal((await client.request(request(2, second))).status, ResponseStatus.Ok)
      assert.equal(server.received.length, 1)
    })

    test('a client is told apart by its address', async () => {
      await using server = await startEchoServer({ codec, answer })
      const principal = { direct_remote_ip: cidr(OTHER, 32) }
      const filter = rbacFilter({ rules: rbacRules('ALLOW', { any: true }, principal) })
      await using proxy = await startAuthorizedProxy([filter], { codec, endpoints: [server.port] })
      await using stranger = await connectClient({ port: proxy.port, codec })
      await using friend = await connectClient({ port: proxy.port, codec, localAddress: OTHER })
      assert.equal((await friend.request(request(1, first))).status, ResponseStatus.Ok)
      assertDenied(protocol, await stranger.request(request(7, first)))
      assert.equal((await friend.request(request(2, second))).status, ResponseStatus.Ok)
    })

    test('shadow rules refuse nobody, and say what they would have done', async () => {
      const observed = new Observed()
      await using server = await startEchoServer({ codec, answer })
      const rbac = { shadow_rules: rbacRules('DENY', hasValue(property, first)), shadow_rules_stat_prefix: 'try_' }
      const log = jsonLog({
        result: '%REQ(try_shadow_engine_result)%',
        policy: '%REQ(try_shadow_effective_policy_id)%',
        details: '%RESPONSE_CODE_DETAILS%',
      })
      {
        await using proxy = await startAuthorizedProxy([rbacFilter(rbac)], {
          codec,
          endpoints: [server.port],
          filter: { accessLogs: [log] },
          outlet: observed,
        })
        await using client = await connectClient({ port: proxy.port, codec })
        for (const [n, value] of [first, second].entries())
          assert.equal((await client.request(request(n + 1, value))).status, ResponseStatus.Ok)
        const counts = ['authz.rbac.try_shadow_allowed', 'authz.rbac.try_shadow_denied', 'authz.rbac.denied']
        assert.deepEqual(
          counts.map((each) => proxy.stat(each)),
          [1, 1, 0],
        )
      }
      assert.deepEqual(observed.lines, [
        { result: 'denied', policy: 'one', details: '' },
        { result: 'allowed', policy: '', details: '' },
      ])
    })
  })
}

test('a consumer of Dubbo cannot say beside its call that it calls something else', async () => {
  await using server = await startEchoServer({
    codec: dubbo,
    answer: ({ requestId }) => dubboReply({ id: Number(requestId) }),
  })
  const both = { and_rules: { rules: [hasValue('interface', 'org.example.Echo'), hasValue('method', 'read')] } }
  const filter = rbacFilter({ rules: rbacRules('ALLOW', both) })
  await using proxy = await startAuthorizedProxy([filter], { codec: dubbo, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: dubbo })
  const statusOf = async (request: Parameters<typeof dubboRequest>[0]) =>
    (await client.request(dubboRequest(request))).status
  const read = { method: 'read', interface: 'org.example.Echo' }
  assert.equal(await statusOf({ id: 1, method: 'read', attachments: read }), ResponseStatus.Ok)
  for (const attachments of [read, { Method: 'read', METHOD: 'read' }])
    assert.equal(await statusOf({ id: 2, method: 'write', attachments }), ResponseStatus.Error)
  const admin = { id: 3, service: 'org.example.Admin', method: 'read', attachments: read }
  assert.equal(await statusOf(admin), ResponseStatus.Error)
  assert.equal(server.received.length, 1)
})

test('a one-way message that is denied is dropped, counted and logged', async () => {
  const observed = new Observed()
  await using server = await startEchoServer({ codec: streaming })
  const filter = rbacFilter({ rules: rbacRules('DENY', hasValue('body', 'bad')) })
  const log = jsonLog({ details: '%RESPONSE_CODE_DETAILS%', flags: '%RESPONSE_FLAGS%' })
  {
    const more = { filter: { accessLogs: [log] }, outlet: observed }
    await using proxy = await startAuthorizedProxy([filter], { codec: streaming, endpoints: [server.port], ...more })
    await using client = await connectClient({ port: proxy.port, codec: streaming })
    client.send(streamingFrame({ type: MessageType.Oneway, id: 1, body: 'bad' }))
    client.send(streamingFrame({ type: MessageType.Request, id: 2, body: 'good' }))
    assert.equal((await client.next()).requestId, 2)
    assert.equal(proxy.stat('authz.rbac.denied'), 1)
    assert.equal(server.received.length, 1)
  }
  assert.deepEqual(observed.lines[0], { details: 'rbac_access_denied_matched_policy[one]', flags: 'UAEX' })
})

test('the opening of a stream is checked, and a denied one is never opened', async () => {
  await using server = await startEchoServer({ codec: streaming })
  const filter = rbacFilter({ rules: rbacRules('DENY', hasValue('body', 'bad')) })
  await using proxy = await startAuthorizedProxy([filter], { codec: streaming, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  client.send(streamingFrame({ type: MessageType.StreamInit, id: 7, stream: 3, body: 'bad' }))
  const reply = await client.next()
  assert.equal(reply.type, MessageType.Error)
  assert.ok(reply.message.includes("request '7' is denied"))
  client.send(streamingFrame({ type: MessageType.StreamInit, id: 8, stream: 5, body: 'good' }))
  client.send(streamingFrame({ type: MessageType.StreamData, id: 8, stream: 5, body: 'bad' }))
  const { message } = await client.next()
  assert.ok(message.includes('bad'))
  assert.deepEqual(
    server.received.map(({ type }) => type),
    [MessageType.StreamInit, MessageType.StreamData],
  )
})

test('remote_ip and source_ip heed the PROXY header, direct_remote_ip does not', async () => {
  await using server = await startEchoServer({ codec: mutable })
  const told = cidr('192.0.2.0', 24)
  const rows = [
    [{ remote_ip: told }, true],
    [{ source_ip: told }, true],
    [{ direct_remote_ip: told }, false],
    [{ direct_remote_ip: cidr('127.0.0.0', 8) }, true],
    [{ remote_ip: cidr('127.0.0.0', 8) }, false],
    [{ not_id: { remote_ip: told } }, false],
  ] as const
  for (const [principal, isAllowed] of rows) {
    const filter = rbacFilter({ rules: rbacRules('ALLOW', { any: true }, principal) })
    const listener = { proxyProtocol: true }
    await using proxy = await startAuthorizedProxy([filter], { codec: mutable, endpoints: [server.port], listener })
    await using client = await connectClient({ port: proxy.port, codec: mutable })
    client.send(Buffer.concat([PROXY_HEADER, mutableFrame({ id: 1 })]))
    const { status } = await client.next()
    assert.equal(status === ResponseStatus.Ok, isAllowed, JSON.stringify(principal))
  }
})

test('where a client has connected to decides: address, port and range of ports', async () => {
  await using server = await startEchoServer({ codec: mutable })
  const codec = mutable
  await using plain = await startAuthorizedProxy([], { codec, endpoints: [server.port] })
  const { port } = plain
  await plain.proxy.stop()
  const rows = [
    [{ destination_ip: cidr('127.0.0.1', 32) }, true],
    [{ destination_ip: cidr(OTHER, 32) }, false],
    [{ destination_port: port }, true],
    [{ destination_port: port === 1 ? 2 : 1 }, false],
    [{ destination_port_range: { start: port, end: port + 1 } }, true],
    [{ destination_port_range: { start: port - 1, end: port } }, false],
  ] as const
  const listener = { address: { host: '127.0.0.1', port } }
  for (const [permission, isAllowed] of rows) {
    const filter = rbacFilter({ rules: rbacRules('ALLOW', permission) })
    await using proxy = await startAuthorizedProxy([filter], { codec, endpoints: [server.port], listener })
    await using client = await connectClient({ port: proxy.port, codec })
    const { status } = await client.request(mutableFrame({ id: 1 }))
    assert.equal(status === ResponseStatus.Ok, isAllowed, JSON.stringify(permission))
  }
})

test('filters stand one behind the other: DENY first, then ALLOW', async () => {
  await using server = await startEchoServer({ codec: mutable })
  const filters = [
    rbacFilter({ rules: rbacRules('DENY', hasValue('user', 'eve')) }),
    rbacFilter({ rules: rbacRules('ALLOW', hasValue('method', 'read')) }),
  ]
  await using proxy = await startAuthorizedProxy(filters, { codec: mutable, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  const asked = [{ method: 'read' }, { method: 'read', user: 'eve' }, { method: 'write' }, { user: 'eve' }]
  const results: boolean[] = []
  for (const [n, pairs] of asked.entries())
    results.push((await client.request(mutableFrame({ id: n, pairs }))).status === ResponseStatus.Ok)
  assert.deepEqual(results, [true, false, false, false])
})

test('LOG lets everything pass, tells the access log what fits, and counts', async () => {
  const observed = new Observed()
  await using server = await startEchoServer({ codec: mutable })
  const filter = rbacFilter({ rules: rbacRules('LOG', hasValue('method', 'write')) })
  const log = jsonLog({ hint: '%REQ(access_log_hint)%' })
  {
    const more = { filter: { accessLogs: [log] }, outlet: observed }
    await using proxy = await startAuthorizedProxy([filter], { codec: mutable, endpoints: [server.port], ...more })
    await using client = await connectClient({ port: proxy.port, codec: mutable })
    for (const [n, method] of ['write', 'read', 'read'].entries())
      assert.equal((await client.request(mutableFrame({ id: n, pairs: { method } }))).status, ResponseStatus.Ok)
    const counts = ['logged', 'not_logged', 'allowed', 'denied'].map((each) => proxy.stat(`authz.rbac.${each}`))
    assert.deepEqual(counts, [1, 2, 3, 0])
  }
  assert.deepEqual(
    observed.lines.map(({ hint }) => hint),
    ['true', 'false', 'false'],
  )
})

test("a client's own properties cannot pass for what shadow rules say", async () => {
  const observed = new Observed()
  await using server = await startEchoServer({ codec: mutable })
  const filter = rbacFilter({ shadow_rules: rbacRules('DENY', { any: true }) })
  const log = jsonLog({ result: '%REQ(SHADOW_ENGINE_RESULT)%' })
  {
    const more = { filter: { accessLogs: [log] }, outlet: observed }
    await using proxy = await startAuthorizedProxy([filter], { codec: mutable, endpoints: [server.port], ...more })
    await using client = await connectClient({ port: proxy.port, codec: mutable })
    for (const [n, key] of ['shadow_engine_result', 'Shadow_Engine_Result'].entries())
      await client.request(mutableFrame({ id: n, pairs: { [key]: 'allowed' } }))
  }
  assert.deepEqual(
    observed.lines.map(({ result }) => result),
    ['denied', 'denied'],
  )
})

test('each policy has counters where the filter says so', async () => {
  await using server = await startEchoServer({ codec: mutable })
  const policy = (method: string) => ({ permissions: [hasValue('method', method)], principals: [{ any: true }] })
  const rules = { action: 'DENY', policies: { writers: policy('write'), readers: policy('read') } }
  const filter = rbacFilter({ rules, track_per_rule_stats: true }, 'http')
  await using proxy = await startAuthorizedProxy([filter], { codec: mutable, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  for (const [n, method] of ['write', 'write', 'read', 'list'].entries())
    await client.request(mutableFrame({ id: n, pairs: { method } }))
  const names = ['policy.writers.denied', 'policy.readers.denied', 'denied', 'allowed']
  assert.deepEqual(
    names.map((each) => proxy.stat(`rbac.${each}`)),
    [2, 1, 3, 1],
  )
})

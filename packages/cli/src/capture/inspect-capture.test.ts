import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Frame, type PcapngOptions, type PcapOptions, pcapFile, pcapngFile } from './testing/capture-files.ts'
import { framesOf, inspectBytes, inspectTalk, printedOf, rpc } from './testing/inspect-bytes.ts'
import { cooked, cookedV2, ethernet, ipv4, ipv6, loopback, type Segment, tcp } from './testing/packets.ts'
import { Talk } from './testing/talk.ts'

const ORDERS = ['big', 'little'] as const

/** Three packets of a handshake, then a request and its reply one millisecond apart, then the end. */
function conversation(): Talk {
  return new Talk().open().send('client', rpc(1)).send('server', rpc(1)).close()
}

async function assertConversation(file: Buffer, expected: { latency?: number | null; time?: string | null } = {}) {
  const { exchanges, notes, summary } = await inspectBytes(file)
  assert.deepEqual(notes, [])
  assert.equal(exchanges.length, 1)
  const [{ messages, outcome, latency_ms, time }] = exchanges as [(typeof exchanges)[0]]
  assert.equal(outcome, 'answered')
  assert.deepEqual(
    messages.map((message: { side: string; id: number; size: number }) => [message.side, message.id, message.size]),
    [
      ['request', 1, 18],
      ['reply', 1, 18],
    ],
  )
  if (expected.latency !== undefined) assert.equal(latency_ms, expected.latency)
  if (expected.time !== undefined) assert.equal(time, expected.time)
  assert.equal(summary.packets, 7)
}

test('pcap is read in both byte orders, with micro- and nanoseconds', async () => {
  for (const order of ORDERS) {
    for (const nanoseconds of [false, true]) {
      const options: PcapOptions = { order, nanoseconds }
      const frames = framesOf(conversation()).map((frame, n) => ({
        ...frame,
        timeNs: 1_234_567_890_123_456_789n + BigInt(n * 1500),
      }))
      const time = nanoseconds ? '2009-02-13T23:31:30.123461289Z' : '2009-02-13T23:31:30.123461000Z'
      await assertConversation(pcapFile(frames, options), { time, latency: nanoseconds ? 0.0015 : 0.001 })
    }
  }
})

test('pcapng is read in both byte orders, with any unit of time, unknown blocks passed over', async () => {
  const units: readonly PcapngOptions[] = [{}, { timeUnit: 9 }, { timeUnit: 3 }, { timeUnit: 0x80 | 20 }]
  for (const order of ORDERS) {
    for (const unit of [...units, { timeUnit: 6, timeOffset: -3600n }, { timeUnit: 6, timeOffset: 86_400n }]) {
      const file = pcapngFile(framesOf(conversation()), { order, unknownBlocks: true, ...unit })
      // a unit of 2⁻²⁰ s, about a microsecond, is not exact
      const exact = unit.timeUnit === undefined || unit.timeUnit < 0x80
      await assertConversation(file, exact ? { time: '2001-09-09T01:46:40.003000000Z', latency: 1 } : {})
    }
  }
})

test('packets in simple blocks have no time, those in obsolete blocks have one', async () => {
  for (const order of ORDERS) {
    const simple = pcapngFile(framesOf(conversation()), { order, block: 'simple' })
    await assertConversation(simple, { time: null, latency: null })
    const obsolete = pcapngFile(framesOf(conversation()), { order, block: 'obsolete' })
    await assertConversation(obsolete, { latency: 1 })
  }
})

test('each section of a pcapng file has its own byte order and interfaces', async () => {
  const frames = framesOf(conversation())
  const raw = conversation().segments.map((segment) => ({ bytes: ipv4(segment) }))
  const file = Buffer.concat([
    pcapngFile(frames.slice(0, 2), { order: 'big' }),
    pcapngFile(raw.slice(2, 4), { order: 'little', linkType: 101, timeUnit: 9 }),
    pcapngFile(frames.slice(4), { order: 'big', timeUnit: 3 }),
  ])
  await assertConversation(file)
})

const LAYERS: readonly (readonly [string, number, (segment: Segment) => Buffer])[] = [
  ['Ethernet with IPv4', 1, (segment) => ethernet(ipv4(segment))],
  ['Ethernet with IPv4 options', 1, (segment) => ethernet(ipv4(segment, { optionWords: 3 }))],
  ['Ethernet with a packet that the card splits', 1, (segment) => withoutPadding(ipv4(segment, { length: 0 }))],
  ['Ethernet with IPv6', 1, (segment) => ethernet(ipv6(segment))],
  ['Ethernet with IPv6 extension headers', 1, (segment) => ethernet(ipv6(segment, [0, 43, 60, 135]))],
  ['Ethernet with an IPv6 fragment header on a whole packet', 1, (segment) => ethernet(ipv6(segment, [44]))],
  ['Ethernet with an IPv6 authentication header', 1, (segment) => ethernet(ipv6(segment, [51]))],
  ['a VLAN tag', 1, (segment) => ethernet(ipv4(segment), [0x8100])],
  ['two VLAN tags', 1, (segment) => ethernet(ipv6(segment), [0x88a8, 0x8100])],
  ['raw IP', 101, (segment) => ipv4(segment)],
  ['raw IP of BSD', 12, (segment) => ipv6(segment)],
  ['raw IP of OpenBSD', 14, (segment) => ipv4(segment)],
  ['raw IPv4', 228, (segment) => ipv4(segment)],
  ['raw IPv6', 229, (segment) => ipv6(segment)],
  ['loopback, little-endian', 0, (segment) => loopback(ipv4(segment), 'little')],
  ['loopback, big-endian', 0, (segment) => loopback(ipv6(segment), 'big', 28)],
  ['loopback of OpenBSD', 108, (segment) => loopback(ipv6(segment), 'big', 24)],
  ['loopback of Linux', 0, (segment) => loopback(ipv6(segment), 'little', 10)],
  ['Linux cooked', 113, (segment) => cooked(ipv4(segment))],
  ['Linux cooked with IPv6', 113, (segment) => cooked(ipv6(segment))],
  ['Linux cooked v2', 276, (segment) => cookedV2(ipv4(segment))],
]
for (const [name, linkType, layer] of LAYERS) {
  test(`the same messages come out of ${name}`, async () => {
    const frames = conversation().segments.map((segment) => ({ bytes: layer(segment) }))
    await assertConversation(pcapFile(frames, { linkType }))
    await assertConversation(pcapngFile(frames, { linkType }))
  })
}

function withoutPadding(ip: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(12), Buffer.of(8, 0), ip])
}

test('what is no TCP segment is left out and counted by reason', async () => {
  const [segment] = new Talk().send('client', rpc(1)).segments as [Segment]
  const frames: Frame[] = [
    { bytes: ethernet(ipv4(segment, { fragment: 0x2000 })) },
    { bytes: ethernet(ipv4(segment, { fragment: 0x0010 })) },
    { bytes: ethernet(ipv4(segment, { protocol: 17 })) },
    { bytes: Buffer.alloc(60, 0xff) },
    { bytes: ethernet(ipv4(segment)), snapLength: 30 },
    { bytes: ethernet(ipv4(segment)), snapLength: 40 },
    { bytes: ethernet(ipv4(segment, {}, tcp(segment).fill(0, 12, 13))) },
    { bytes: ethernet(ipv4(segment, { length: 12 })) },
    { bytes: Buffer.alloc(0) },
  ]
  const { exchanges, summary } = await inspectBytes(pcapFile(frames))
  assert.deepEqual(exchanges, [])
  assert.deepEqual(summary.packets_left_out, {
    'IP fragments': 2,
    'not TCP': 1,
    'not IP': 2,
    'cut off within their headers': 2,
    malformed: 2,
  })
})

test('IPv6 fragments are left out and counted', async () => {
  const [segment] = new Talk().send('client', rpc(1)).segments as [Segment]
  const fragment = ipv6(segment, [44])
  fragment.writeUInt16BE(0x0001, 42)
  const { summary } = await inspectBytes(pcapFile([{ bytes: fragment }], { linkType: 101 }))
  assert.deepEqual(summary.packets_left_out, { 'IP fragments': 1 })
})

test('a port chooses among connections, and says which side is the service’s', async () => {
  const talk = new Talk().send('client', rpc(1)).send('server', rpc(1))
  const frames = talk.segments.flatMap((segment) => [
    { bytes: ethernet(ipv4(segment)) },
    { bytes: ethernet(ipv4(segment, {}, tcp(segment, 700, 800))) },
  ])
  const { exchanges, summary } = await inspectBytes(pcapFile(frames), { port: 800, serverPort: 800 })
  assert.deepEqual(
    exchanges.map(({ client, server, outcome }) => [client, server, outcome]),
    [['10.0.0.1:700', '10.0.0.2:800', 'answered']],
  )
  assert.deepEqual(summary.packets_left_out, { 'of another port': 2 })
})

test('without a SYN the service is at the port that was told, else at the lower one, else where the first packet goes', async () => {
  const names = async (ports: readonly [number, number], serverPort: number | undefined) => {
    const segments = new Talk().send('client', rpc(1)).segments
    const frames = segments.map((segment) => ({ bytes: ethernet(ipv4(segment, {}, tcp(segment, ...ports))) }))
    const { exchanges } = await inspectBytes(pcapFile(frames), { serverPort })
    return `${exchanges[0].client} > ${exchanges[0].server}`
  }
  assert.equal(await names([80, 9000], undefined), '10.0.0.2:9000 > 10.0.0.1:80')
  assert.equal(await names([80, 9000], 9000), '10.0.0.1:80 > 10.0.0.2:9000')
  assert.equal(await names([9000, 80], undefined), '10.0.0.1:9000 > 10.0.0.2:80')
  assert.equal(await names([9000, 80], 9000), '10.0.0.2:80 > 10.0.0.1:9000')
  assert.equal(await names([9000, 9000], undefined), '10.0.0.1:9000 > 10.0.0.2:9000')
})

test('with a SYN the client is who sent it, whatever the ports', async () => {
  const frames = conversation().segments.map((segment) => ({
    bytes: ethernet(ipv4(segment, {}, tcp(segment, 80, 9000))),
  }))
  for (const skipped of [0, 1]) {
    const { exchanges, notes } = await inspectBytes(pcapFile(frames.slice(skipped)))
    assert.deepEqual(notes, [])
    assert.equal(exchanges[0].server, '10.0.0.2:9000')
    assert.equal(exchanges[0].outcome, 'answered')
  }
})

test('addresses of IPv6 are printed in brackets, in their short form', async () => {
  const frames = conversation().segments.map((segment) => ({ bytes: ethernet(ipv6(segment)) }))
  const { exchanges } = await inspectBytes(pcapFile(frames))
  assert.equal(exchanges[0].client, '[2001:db8::1]:40000')
})

test('the message that a packet completes names it, however the packets are cut', async () => {
  const talk = new Talk().open().send('client', Buffer.concat([rpc(1), rpc(2), rpc(3)]), 10)
  const { exchanges } = await inspectTalk(talk)
  assert.deepEqual(
    exchanges.map(({ messages: [{ packet, offset }] }) => [packet, offset]),
    [
      [5, 0],
      [7, 18],
      [9, 36],
    ],
  )
})

test('a direction that the codec refuses ends with a note that says where and why, and the others go on', async () => {
  const bad = rpc(9)
  bad.writeUInt32BE(5, 5)
  const talk = new Talk()
    .open()
    .send('client', rpc(1))
    .send('client', bad)
    .send('client', rpc(2))
    .send('server', rpc(1))
  const { exchanges, notes, summary } = await inspectTalk(talk)
  assert.deepEqual(
    notes.map(({ code, side, offset, text }) => [code, side, offset, text]),
    [['refused', 'request', 18, 'pack_len 5 is below 13']],
  )
  assert.deepEqual(
    exchanges.map(({ outcome, messages }) => [outcome, messages[0].id]),
    [['answered', 1]],
  )
  assert.equal(summary.refused, 1)
})

test('a message above the limit is refused before it has come', async () => {
  const talk = new Talk().open().send('client', rpc(1, 'x'.repeat(200)), 50)
  const { notes } = await inspectTalk(talk, { maxMessageBytes: 100 })
  assert.deepEqual(
    notes.map(({ code, text }) => [code, text]),
    [['refused', 'message length 213 exceeds 100']],
  )
})

test('a message without its end is said to be one when its connection ends', async () => {
  const { notes } = await inspectTalk(new Talk().open().send('client', rpc(1).subarray(0, 17)).close())
  assert.deepEqual(
    notes.map(({ code, side, offset, text }) => [code, side, offset, text]),
    [['unfinished', 'request', 0, '17 bytes of a message without its end']],
  )
})

test('connections above the limit give up the one that was silent for longest', async () => {
  const frames: Frame[] = []
  for (const port of [1001, 1002, 1001, 1003]) {
    const id = frames.length
    const talk = new Talk(1000 + 18 * id).send('client', rpc(id))
    frames.push({ bytes: ethernet(ipv4(talk.segments[0]!, {}, tcp(talk.segments[0]!, port, 80))) })
  }
  const { notes, exchanges, summary } = await inspectBytes(pcapFile(frames), { maxConnections: 2 })
  assert.deepEqual(
    notes.filter(({ code }) => code === 'given-up').map(({ client, text }) => [client, text]),
    [['10.0.0.1:1002', 'too many connections at once']],
  )
  assert.equal(summary.connections_given_up, 1)
  assert.equal(exchanges.length, 3 + 1)
})

test('connections that hold too much together give up the one that was silent for longest', async () => {
  const frames: Frame[] = []
  for (const port of [1001, 1002, 1003]) {
    const talk = new Talk().open().send('client', rpc(1, 'x'.repeat(9000)).subarray(0, 8000), 1000)
    frames.push(...talk.segments.map((one) => ({ bytes: ethernet(ipv4(one, {}, tcp(one, port, 80))) })))
  }
  const { notes } = await inspectBytes(pcapFile(frames), { maxHeldBytes: 25_000 })
  assert.deepEqual(
    notes.filter(({ code }) => code === 'given-up').map(({ client, text }) => [client, text]),
    [['10.0.0.1:1001', 'all connections together hold too much']],
  )
})

test('the text has one line for an exchange and a summary at the end', async () => {
  const talk = new Talk()
    .open()
    .send('client', rpc(1))
    .send('server', rpc(1, 'no', true))
    .send('client', rpc(2))
    .close()
  const text = await printedOf(pcapFile(framesOf(talk)), { report: (await import('./text-report.ts')).textReport })
  assert.equal(
    text,
    `2001-09-09T01:46:40.003000000Z #1 10.0.0.1:40000 > 10.0.0.2:9090  id 1 cmd=1  18 > 15 bytes  error  1.000 ms
2001-09-09T01:46:40.005000000Z #1 10.0.0.1:40000 > 10.0.0.2:9090  id 2 cmd=1  18 > - bytes  unanswered: the connection was closed

8 packets
1 connection, 0 given up, 0 bytes lost
2 exchanges, 1 with an error, 1 unanswered
0 replies without a request, 0 one-way, 0 heartbeats, 0 streams
0 directions refused by the codec
`,
  )
})

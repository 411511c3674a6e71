import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pcapFile } from './testing/capture-files.ts'
import { framesOf, type Inspected, inspectBytes, inspectTalk, rpc } from './testing/inspect-bytes.ts'
import { lineCodec, reply, request } from './testing/line-codec.ts'
import { ethernet, ipv4 } from './testing/packets.ts'
import { Talk } from './testing/talk.ts'

const BIG = 'x'.repeat(4000)

/** The outcome and the ids of each exchange. */
function outcomes({ exchanges }: Inspected): string[] {
  return exchanges.map(({ outcome, uncertain, messages }) => {
    const ids = messages.map(({ id, lost }: { id: number; lost?: number }) => (lost ? `${id} lost ${lost}` : `${id}`))
    return `${outcome}${uncertain ? '?' : ''} ${ids.join(' ')}`
  })
}

function notes({ notes }: Inspected): string[] {
  return notes.map(({ code, side, offset, text }) => `${code} ${side} ${offset} ${text}`)
}

test('segments of both directions in any order, repeated too, give the same exchanges', async () => {
  const talk = new Talk(0xffffff80, 0xffffffc0).open()
  const requests = Buffer.concat([rpc(1), rpc(2, 'x'.repeat(50)), rpc(3)])
  const replies = Buffer.concat([rpc(3), rpc(1), rpc(2, 'y'.repeat(70), true)])
  const sent = new Talk(0xffffff81, 0xffffffc1).send('client', requests, 9).segments
  const answered = new Talk(0xffffff81, 0xffffffc1).send('server', replies, 11).segments
  const anyOrder = fc
    .tuple(fc.array(fc.nat(sent.length - 1)), fc.array(fc.nat(answered.length - 1)))
    .chain(([again, againToo]) =>
      fc.tuple(
        fc.shuffledSubarray([...sent, ...again.map((n) => sent[n]!)], { minLength: sent.length + again.length }),
        fc.shuffledSubarray([...answered, ...againToo.map((n) => answered[n]!)], {
          minLength: answered.length + againToo.length,
        }),
      ),
    )
  await fc.assert(
    fc.asyncProperty(anyOrder, async ([up, down]) => {
      const segments = [...talk.segments, ...up, ...down]
      const inspected = await inspectBytes(pcapFile(segments.map((segment) => ({ bytes: ethernet(ipv4(segment)) }))))
      assert.deepEqual(notes(inspected), [])
      assert.deepEqual(outcomes(inspected), ['answered 3 3', 'answered 1 1', 'answered 2 2'])
    }),
    { numRuns: 100 },
  )
})

test('a loss within a message’s body costs that body only', async () => {
  const talk = new Talk().open()
  const message = rpc(1, BIG)
  talk.send('client', message.subarray(0, 1000)).loses('client', 1000).send('client', message.subarray(2000))
  talk
    .send('client', rpc(2))
    .send('server', Buffer.concat([rpc(1), rpc(2)]))
    .close()
  const inspected = await inspectTalk(talk)
  assert.deepEqual(outcomes(inspected), ['answered 1 lost 1000 1', 'answered 2 2'])
  assert.deepEqual(notes(inspected), [])
  assert.equal(inspected.summary.lost_bytes, 1000)
})

test('packets that the snap length cut off are read by their headers, exchange by exchange', async () => {
  const talk = new Talk().open()
  for (const id of [1, 2, 3]) {
    talk.send('client', Buffer.concat([rpc(id, BIG.slice(id))]))
    talk.send('server', rpc(id, BIG))
  }
  const frames = framesOf(talk.close()).map((frame) => ({ ...frame, snapLength: 96 }))
  const inspected = await inspectBytes(pcapFile(frames))
  assert.deepEqual(outcomes(inspected), [
    'answered 1 lost 3974 1 lost 3975',
    'answered 2 lost 3973 2 lost 3975',
    'answered 3 lost 3972 3 lost 3975',
  ])
  assert.deepEqual(notes(inspected), [])
})

test('after a loss that takes a message’s beginning, reading goes on where a packet begins with one', async () => {
  const talk = new Talk().open().send('client', rpc(1))
  talk.loses('client', 40).send('client', Buffer.from('the rest of something')).send('client', rpc(3))
  talk.send('server', rpc(1)).send('server', rpc(3)).close()
  const inspected = await inspectTalk(talk)
  assert.deepEqual(notes(inspected), [
    'lost request 18 40 bytes are not in the capture',
    'unread request 18 61 bytes were skipped, up to a packet that begins with a message',
  ])
  assert.deepEqual(outcomes(inspected), ['answered 1 1', 'answered 3 3'])
})

for (const lost of [2, 20]) {
  test(`a message whose header is partly lost is not shown: ${lost} bytes`, async () => {
    const message = rpc(1, BIG)
    const talk = new Talk().open()
    talk
      .send('client', message.subarray(0, 10))
      .loses('client', lost)
      .send('client', message.subarray(10 + lost))
    talk.send('client', rpc(2)).send('server', rpc(2)).close()
    const inspected = await inspectTalk(talk)
    assert.deepEqual(outcomes(inspected), ['answered 2 2'])
    assert.deepEqual(notes(inspected), [
      `lost request 10 ${lost} bytes are not in the capture`,
      'unread request 0 4013 bytes were skipped, up to a packet that begins with a message',
    ])
  })
}

test('a message that ends within a gap is not shown: what lies behind it is not known', async () => {
  const talk = new Talk()
    .open()
    .send('client', rpc(1).subarray(0, 14))
    .loses('client', 4 + 18)
    .send('client', rpc(3))
  talk.send('server', rpc(3)).close()
  const inspected = await inspectTalk(talk)
  assert.deepEqual(outcomes(inspected), ['answered 3 3'])
  assert.deepEqual(notes(inspected), [
    'lost request 14 22 bytes are not in the capture',
    'unread request 0 36 bytes were skipped, up to a packet that begins with a message',
  ])
})

test('when no packet begins with a message after a loss, that is said with the codec’s reason', async () => {
  const talk = new Talk().open().send('client', rpc(1)).loses('client', 5)
  talk.send('client', Buffer.from('nothing that anybody can read')).close()
  const inspected = await inspectTalk(talk)
  assert.deepEqual(notes(inspected), [
    'lost request 18 5 bytes are not in the capture',
    'unread request 18 34 bytes were not read, no packet began with a message: message length 1852252276 exceeds 1048576',
  ])
})

test('a delimiter that may lie in a gap is not trusted', async () => {
  const talk = new Talk().open()
  talk.send('client', request(1).subarray(0, 5)).loses('client', 30).send('client', Buffer.from('tail of it\n'))
  talk.send('client', request(5)).send('server', reply(5)).close()
  const inspected = await inspectTalk(talk, { definition: lineCodec('id') })
  assert.deepEqual(outcomes(inspected), ['answered 5 5'])
})

test('a connection under way is read from the first packet that begins with a message', async () => {
  const talk = new Talk()
    .send('client', Buffer.from('the end of something else'))
    .send('client', rpc(7))
    .send('server', rpc(7))
  const inspected = await inspectTalk(talk)
  assert.deepEqual(notes(inspected), [
    'midstream null null the capture begins within this connection',
    'unread request 0 25 bytes were skipped, up to a packet that begins with a message',
  ])
  assert.deepEqual(outcomes(inspected), ['answered 7 7'])
})

test('pairs by order are called uncertain once messages are missing', async () => {
  const options = { definition: lineCodec('order') }
  const whole = new Talk().open().send('client', request(0)).send('server', reply(0)).close()
  assert.deepEqual(outcomes(await inspectTalk(whole, options)), ['answered null null'])
  const underWay = new Talk().send('client', request(0)).send('server', reply(0))
  assert.deepEqual(outcomes(await inspectTalk(underWay, options)), ['answered? null null'])
  const lossy = new Talk().open().send('client', request(0)).send('server', reply(0))
  lossy.loses('client', 18).send('client', request(0)).send('server', reply(0)).close()
  assert.deepEqual(outcomes(await inspectTalk(lossy, options)), ['answered null null', 'answered? null null'])
})

test('a SYN between the same ports begins another connection', async () => {
  const first = new Talk(1000, 2000).open().send('client', rpc(1))
  const second = new Talk(900_000, 7).open().send('client', rpc(1)).send('server', rpc(1)).close()
  const third = new Talk(5, 6).open().send('client', rpc(2)).send('server', rpc(2)).close()
  const frames = [...framesOf(first), ...framesOf(second), ...framesOf(third)]
  const { exchanges, notes } = await inspectBytes(pcapFile(frames))
  assert.deepEqual(notes, [])
  assert.deepEqual(
    exchanges.map(({ connection, outcome, reason }) => [connection, outcome, reason]),
    [
      [1, 'unanswered', 'its ports were used again'],
      [2, 'answered', undefined],
      [3, 'answered', undefined],
    ],
  )
})

test('a SYN that is repeated, or comes late, begins nothing anew', async () => {
  const { segments } = new Talk().open().send('client', rpc(1)).send('server', rpc(1)).close()
  const [syn, , , data] = segments
  const frames = [data!, syn!, ...segments].map((segment) => ({ bytes: ethernet(ipv4(segment)) }))
  const { summary, exchanges } = await inspectBytes(pcapFile(frames))
  assert.equal(summary.connections, 1)
  assert.equal(exchanges.length, 1)
})

test('segments that come late do not look like another connection', async () => {
  const talk = new Talk().open().send('client', rpc(1)).send('server', rpc(1)).close()
  const late = talk.segments.slice(2)
  const frames = [...framesOf(talk), ...late.map((segment) => ({ bytes: ethernet(ipv4(segment)) }))]
  const { summary, exchanges, notes } = await inspectBytes(pcapFile(frames))
  assert.deepEqual([summary.connections, exchanges.length, notes.length], [1, 1, 0])
})

test('a reset ends a connection, and what waits is unanswered', async () => {
  const inspected = await inspectTalk(new Talk().open().send('client', rpc(1)).reset('server'))
  assert.deepEqual(
    inspected.exchanges.map(({ outcome, reason }) => [outcome, reason]),
    [['unanswered', 'the connection was reset']],
  )
})

test('what is under way when the capture ends is unanswered', async () => {
  const { exchanges } = await inspectTalk(new Talk().open().send('client', rpc(1)))
  assert.equal(exchanges[0].reason, 'the capture ended')
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { mock, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Socket, SocketHandler } from './network.ts'
import { nodeNetwork } from './node-network.ts'

/** An accepted socket, what its handler heard, and the peer, which goes on when the other side has finished. */
async function connectPair() {
  const heard: string[] = []
  const accepted = Promise.withResolvers<Socket>()
  const handler: SocketHandler = {
    onConnect: () => heard.push('connect'),
    onData: (chunk) => heard.push(String(chunk)),
    onEnd: () => heard.push('end'),
    onDrain: () => heard.push('drain'),
    onClose: () => heard.push('close'),
  }
  const listening = await nodeNetwork.listen({ host: '127.0.0.1', port: 0, reusePort: false }, (socket) => {
    accepted.resolve(socket)
    return handler
  })
  const peer = net.connect({ host: '127.0.0.1', port: listening.port, allowHalfOpen: true })
  await once(peer, 'connect')
  const socket = await accepted.promise
  await listening.close()
  return { socket, peer, heard }
}

async function until(isMet: () => boolean): Promise<void> {
  for (let turn = 0; !isMet() && turn < 100_000; turn++) await nextTurn()
  assert.ok(isMet())
}

test('a socket that leaves closes when its peer has finished; what the peer says until then is heard by nobody', async () => {
  const { socket, peer, heard } = await connectPair()
  socket.write([Buffer.from('bye')])
  socket.destroySoon()
  assert.equal(String((await once(peer, 'data'))[0]), 'bye')
  await once(peer, 'end')
  peer.write('too late')
  await nextTurn()
  assert.deepEqual(heard, [])
  peer.end()
  await until(() => heard.length > 0)
  assert.deepEqual(heard, ['close'])
})

test('a peer that does not finish is waited for no longer than some seconds', async () => {
  const { socket, peer, heard } = await connectPair()
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    socket.destroySoon()
    peer.resume()
    await once(peer, 'end')
    peer.write('still here')
    for (let turn = 0; turn < 20; turn++) await nextTurn()
    assert.deepEqual(heard, [])
    mock.timers.tick(5000)
    await until(() => heard.length > 0)
    assert.deepEqual(heard, ['close'])
  } finally {
    mock.timers.reset()
    peer.destroy()
  }
})

test('what was read ahead of sockets that wait is freed when they are destroyed, and not some time later', async () => {
  const sent = Buffer.alloc(256 * 1024)
  const count = 50
  const held = () => process.memoryUsage().arrayBuffers
  const before = held()
  const pairs = await Promise.all(Array.from({ length: count }, connectPair))
  for (const { socket, peer } of pairs) {
    socket.pause()
    peer.on('error', () => {})
    peer.write(sent)
  }
  await until(() => held() - before > (count * sent.length) / 8)
  for (const { socket } of pairs) socket.destroy()
  const left = held() - before
  assert.ok(left < (count * sent.length) / 32, `${left} bytes`)
  for (const { peer } of pairs) peer.destroy()
  await until(() => pairs.every(({ heard }) => heard.includes('close')))
  for (const { heard } of pairs) assert.deepEqual(heard, ['close'])
})

test('a connection that cannot be made ends in onClose with the reason, and nothing else is heard', async () => {
  const closed = Promise.withResolvers<Error | undefined>()
  const heard: string[] = []
  nodeNetwork.connect('127.0.0.1', 1, {
    onConnect: () => heard.push('connect'),
    onData: () => heard.push('data'),
    onEnd: () => heard.push('end'),
    onDrain: () => heard.push('drain'),
    onClose: closed.resolve,
  })
  assert.equal(((await closed.promise) as NodeJS.ErrnoException).code, 'ECONNREFUSED')
  assert.deepEqual(heard, [])
})

test('a socket that waits for its turn, and is paused meanwhile, reads nothing before it is resumed', async () => {
  const { socket, peer, heard } = await connectPair()
  const heardBytes = () => heard.reduce((sum, each) => sum + each.length, 0)
  peer.write(Buffer.alloc(1024 * 1024, 'a'))
  await until(() => heardBytes() >= 64 * 1024)
  socket.pause()
  await nextTurn()
  const paused = heardBytes()
  for (let turn = 0; turn < 100; turn++) await nextTurn()
  assert.ok(paused < 1024 * 1024)
  assert.equal(heardBytes(), paused)
  socket.resume()
  await until(() => heardBytes() === 1024 * 1024)
  socket.destroy()
  peer.destroy()
})

test('a socket can be reset, also while it is being ended, and is gone then', async () => {
  for (const isEnding of [false, true]) {
    const { socket, peer, heard } = await connectPair()
    peer.on('error', () => {})
    if (isEnding) socket.end()
    socket.destroy(true)
    await until(() => heard.includes('close'))
    peer.destroy()
  }
})

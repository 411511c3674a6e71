import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import type { ListenerConfig } from '@meltemi/api/model'
import { choosePorts } from './choose-ports.ts'

function listener(port: number, name = 'l'): ListenerConfig {
  return { name, address: { host: '127.0.0.1', port } } as ListenerConfig
}

/** Whether the port can be had; undefined when it can. */
async function faultOf(port: number, reusePort: boolean): Promise<string | undefined> {
  const server = net.createServer().listen({ host: '127.0.0.1', port, reusePort, exclusive: true })
  try {
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
    return undefined
  } catch (error: unknown) {
    return (error as NodeJS.ErrnoException).code
  }
}

test('a port that was chosen is kept for the threads that will share it, until it is released', async () => {
  const chosen = await choosePorts([listener(0, 'a'), listener(0, 'b')], true)
  const ports = chosen.listeners.map(({ address }) => address.port)
  assert.equal(new Set(ports).size, 2)
  for (const port of ports) {
    assert.equal(await faultOf(port, false), 'EADDRINUSE')
    assert.equal(await faultOf(port, true), undefined)
  }
  await chosen.release()
  for (const port of ports) assert.equal(await faultOf(port, false), undefined)
})

test('a port that was asked for is free again at once', async () => {
  const { listeners, release } = await choosePorts([listener(0)], false)
  await release()
  const port = listeners[0]?.address.port ?? 0
  const again = await choosePorts([listener(port)], true)
  assert.equal(again.listeners[0]?.address.port, port)
  assert.equal(await faultOf(port, false), undefined)
  await again.release()
})

test('of two who ask for the same port at once one gets it, from the choice until it is released', async () => {
  const free = await choosePorts([listener(0)], false)
  await free.release()
  const { port } = free.listeners[0]?.address ?? { port: 0 }
  const asked = await Promise.allSettled([1, 2, 3].map(() => choosePorts([listener(port)], true)))
  const [first, ...others] = asked.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  assert.deepEqual(others, [])
  await assert.rejects(choosePorts([listener(port)], true), /the port is in use/)
  await first?.release()
  await (await choosePorts([listener(port)], true)).release()
})

test('a port in use is said, and nothing is kept', async () => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  await assert.rejects(choosePorts([listener(0, 'free'), listener(port, 'taken')], true), {
    message: `listener 'taken' cannot listen on 127.0.0.1:${port}: the port is in use`,
  })
  server.close()
})

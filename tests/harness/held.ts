/** What a proxy holds for those who do not take it, or do not answer. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { RawClient } from './raw-client.ts'
import type { TestProxy } from './test-proxy.ts'

const MIB = 1024 * 1024

/** Heap and buffers after a collection. */
export function heldBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // the first finds the buffers, the second has freed them
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** A service that accepts and reads nothing. */
export async function startDeafService() {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}))
    socket.pause()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Sends the same bytes again and again until nobody takes them any more; the bytes that were taken in all. */
export async function floodWith(client: RawClient, chunk: Buffer, proxy: TestProxy): Promise<number> {
  let isOver = false
  while (!isOver) {
    if (client.socket.write(chunk)) continue
    const drained = once(client.socket, 'drain').then(() => false)
    isOver = await Promise.race([drained, sleep(250, true)])
    assert.ok(proxy.stat('downstream_cx_rx_bytes_total') < 400 * MIB, 'there is no end to what is read')
  }
  return proxy.stat('downstream_cx_rx_bytes_total')
}

/** A port where connections are neither made nor refused: nobody accepts, and the kernel's queue is full. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

const LISTEN_AND_STOP = `
  const { parentPort } = require('node:worker_threads')
  const server = require('node:net').createServer()
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
  })`
/** A connection that takes longer than this is taken to be one that will not be made. */
const LONG_MS = 100

export class BlackHole implements AsyncDisposable {
  readonly port: number
  readonly #worker: Worker
  readonly #sockets: readonly Socket[]

  constructor(port: number, worker: Worker, sockets: readonly Socket[]) {
    this.port = port
    this.#worker = worker
    this.#sockets = sockets
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await this.#worker.terminate()
  }
}

export async function startBlackHole(): Promise<BlackHole> {
  const worker = new Worker(LISTEN_AND_STOP, { eval: true })
  const [port] = (await once(worker, 'message')) as [number]
  const sockets: Socket[] = []
  for (let isFull = false; !isFull; ) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    sockets.push(socket)
    isFull = await Promise.race([once(socket, 'connect').then(() => false), sleep(LONG_MS, true)])
  }
  return new BlackHole(port, worker, sockets)
}

/** A service that can be killed, stopped and started again. */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('service-main.ts', import.meta.url))
/** A connection that takes longer than this is taken to be one that will not be made. */
const LONG_MS = 100

export class ServiceProcess implements AsyncDisposable {
  readonly #protocol: string
  #child: ChildProcess | undefined
  /** Fill the queue of a stopped process. */
  #fillers: Socket[] = []
  port = 0

  constructor(protocol: string) {
    this.#protocol = protocol
  }

  /** On the same port as before, if it was there before. */
  async start(): Promise<this> {
    const child = fork(MAIN, [this.#protocol, String(this.port)], { execArgv: ['--conditions=meltemi-source'] })
    this.#child = child
    const [message] = (await Promise.race([once(child, 'message'), once(child, 'exit').then(() => [0])])) as [number]
    if (message === 0) throw new Error(`the service of ${this.#protocol} did not start`)
    this.port = message
    return this
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** As a host that lost its power: connections stay and are silent, and no new ones are made nor refused. */
  async vanish(): Promise<void> {
    this.signal('SIGSTOP')
    for (let isFull = false; !isFull; ) {
      const socket = connect(this.port, '127.0.0.1').on('error', () => {})
      this.#fillers.push(socket)
      isFull = await Promise.race([once(socket, 'connect').then(() => false), sleep(LONG_MS, true)])
    }
  }

  goOn(): void {
    for (const socket of this.#fillers.splice(0)) socket.destroy()
    this.signal('SIGCONT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#fillers.splice(0)) socket.destroy()
    await this.kill()
  }
}

import type { ListeningSocket, ListenOptions, Network, Random, Socket, SocketHandler } from '@meltemi/proxy'
import type { Trace } from './trace.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { VirtualSocket } from './virtual-socket.ts'

/** How the wires of one run behave. */
export interface NetworkWeather {
  readonly minDelayMs: number
  readonly maxDelayMs: number
  /** Bytes on the way to one socket or unread by it: the kernel's buffers of both ends. */
  readonly windowBytes: number
  /** As Node's: a write that leaves this much waiting returns false. */
  readonly highWaterBytes: number
  /** 0 … 1: how often bytes arrive in small pieces. */
  readonly splitShare: number
  /** After this time without an answer a connection whose peer has vanished fails. */
  readonly deadPeerMs: number
}

/** What becomes of an attempt to connect. */
export type ConnectFate = 'accepted' | 'refused' | 'lost'

type Accept = (socket: Socket) => SocketHandler

export type Side = 'proxy' | 'actor'

interface Door {
  readonly accept: Accept
  readonly side: Side
}

/** Wires in virtual time: seeded delays, splits, resets, peers that vanish, windows that fill. */
export class VirtualNetwork {
  readonly clock: VirtualClock
  readonly random: Random
  readonly weather: NetworkWeather
  readonly trace: Trace
  /** Misuse of a socket. */
  readonly problems: string[] = []
  readonly #doors = new Map<string, Door>()
  readonly #open = { proxy: new Set<VirtualSocket>(), actor: new Set<VirtualSocket>() }
  readonly #fate: (address: string) => ConnectFate
  readonly #lookUp: (host: string) => readonly string[]
  #sockets = 0
  #freePort = 40_000
  /** Of the proxy's sockets: bytes handed to it, and taken from it. */
  readonly proxyBytes = { received: 0, sent: 0 }

  constructor(
    parts: {
      readonly clock: VirtualClock
      readonly random: Random
      readonly weather: NetworkWeather
      readonly trace: Trace
    },
    fate: (address: string) => ConnectFate,
    lookUp: (host: string) => readonly string[],
  ) {
    this.clock = parts.clock
    this.random = parts.random
    this.weather = parts.weather
    this.trace = parts.trace
    this.#fate = fate
    this.#lookUp = lookUp
  }

  /** The network as the proxy, or as clients and services see it. */
  as(side: Side): Network {
    return {
      connect: (host, port, handler) => this.#connect(side, host, port, handler),
      listen: (options, accept) => this.#listen(side, options, accept),
      resolve: (host) => this.#resolve(host),
      query: async (host) => {
        const addresses = await this.#resolve(host)
        return { found: addresses.map((address) => ({ address, ttlMs: 0 })), unknown: undefined }
      },
    }
  }

  openSockets(side: Side): readonly VirtualSocket[] {
    return [...this.#open[side]]
  }

  closed(socket: VirtualSocket): void {
    this.#open[socket.side].delete(socket)
  }

  delayMs(): number {
    const { minDelayMs, maxDelayMs } = this.weather
    // quarters of a millisecond, so that different things happen in the same turn now and then
    return Math.round((minDelayMs + this.random.next() * (maxDelayMs - minDelayMs)) * 4) / 4
  }

  #connect(side: Side, host: string, port: number, handler: SocketHandler): VirtualSocket {
    const address = `${host}:${port}`
    const local = this.#newSocket(side, { host, port }, { host: '192.0.2.1', port: this.#freePort++ })
    local.handler = handler
    const fate = this.#fate(address)
    this.trace.event('connecting', local.number, port, `${address}: ${fate}`)
    if (fate !== 'lost') this.clock.setTimer(this.delayMs(), () => this.#arrive(local, address, fate))
    return local
  }

  #arrive(local: VirtualSocket, address: string, fate: ConnectFate): void {
    if (local.isDestroyed) return
    const door = fate === 'accepted' ? this.#doors.get(address) : undefined
    if (door === undefined) {
      local.failConnect()
      return
    }
    const here = { host: local.remoteAddress, port: local.remotePort }
    const there = { host: local.localAddress, port: local.localPort }
    const accepted = this.#newSocket(door.side, there, here)
    accepted.peer = local
    local.peer = accepted
    local.connectIn(this.delayMs())
    accepted.isConnected = true
    accepted.handler = door.accept(accepted)
  }

  #newSocket(side: Side, remote: { host: string; port: number }, local: { host: string; port: number }): VirtualSocket {
    const socket = new VirtualSocket(this, { side, number: ++this.#sockets, remote, local })
    this.#open[side].add(socket)
    return socket
  }

  #listen(side: Side, options: ListenOptions, accept: Accept): Promise<ListeningSocket> {
    const { host, port } = options
    const address = `${host}:${port}`
    if (this.#doors.has(address)) return Promise.reject(new Error(`address in use ${address}`))
    this.#doors.set(address, { accept, side })
    const close = () => {
      this.#doors.delete(address)
      return Promise.resolve()
    }
    return Promise.resolve({ host, port, fds: [], close })
  }

  #resolve(host: string): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      this.clock.setTimer(this.delayMs(), () => {
        const found = this.#lookUp(host)
        if (found.length > 0) resolve(found)
        else reject(new Error(`no address for ${host}`))
        this.clock.noteSettled()
      })
    })
  }
}

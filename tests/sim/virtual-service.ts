import type { Network, Socket, SocketHandler } from '@meltemi/proxy'
import { MessageType } from '@meltemi/sdk'
import { Behaviour, type RequestPayload, readRequest, writeReply } from './payload.ts'
import type { ServicePlan } from './scenario.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { VirtualSocket } from './virtual-socket.ts'
import { echoFrame, serviceFrame } from './virtual-stream.ts'
import { type Frame, FrameReader, type Wire } from './wire.ts'

export interface ServiceWorld {
  readonly clock: VirtualClock
  readonly wire: Wire
  /** Told of each request that arrives. */
  arrived(payload: RequestPayload, type: MessageType): void
  /** What is done with a request: what it asks for itself, or else in case of a mirror. */
  behaviourOf(payload: RequestPayload): number
  problem(text: string): void
}

/** One endpoint. Does to each request what the request itself asks for. */
export class VirtualService {
  readonly #plan: ServicePlan
  readonly #world: ServiceWorld
  readonly #connections = new Set<ServiceConnection>()
  /** What it does when it goes on; null: it is not stopped. */
  #held: (() => void)[] | null = null
  #isOver = false

  constructor(plan: ServicePlan, world: ServiceWorld) {
    this.#plan = plan
    this.#world = world
  }

  async listen(network: Network): Promise<void> {
    const { host, port, outage, stop } = this.#plan
    await network.listen({ host, port, reusePort: false }, (socket) => this.#accept(socket))
    if (outage !== undefined) this.#world.clock.setTimer(outage.fromMs, () => this.#resetAll())
    if (stop === undefined) return
    this.#world.clock.setTimer(stop.fromMs, () => this.#stop())
    this.#world.clock.setTimer(stop.toMs, () => this.#goOn())
  }

  /** Whether connections are taken now. */
  get fate(): ServicePlan['fate'] {
    const { fate, outage } = this.#plan
    const nowMs = this.#world.clock.now()
    if (this.#isOver || (outage !== undefined && nowMs >= outage.fromMs && nowMs < outage.toMs)) return 'refused'
    return fate
  }

  /** No connections any more, from now on. */
  end(): void {
    this.#isOver = true
    this.#resetAll()
  }

  #accept(socket: Socket): SocketHandler {
    const connection = new ServiceConnection(socket as VirtualSocket, this.#world, {
      closed: () => this.#connections.delete(connection),
      run: (action) => this.#run(action),
    })
    this.#connections.add(connection)
    if (this.#held !== null) socket.pause()
    return connection
  }

  #run(action: () => void): void {
    if (this.#held === null) action()
    else this.#held.push(action)
  }

  #stop(): void {
    this.#held = []
    for (const connection of this.#connections) connection.pause()
  }

  #goOn(): void {
    const held = this.#held ?? []
    this.#held = null
    for (const connection of [...this.#connections]) connection.resume()
    for (const action of held) action()
  }

  #resetAll(): void {
    for (const connection of [...this.#connections]) connection.reset()
  }
}

/** What happens to a connection, whatever was asked. */
const ENDING: readonly number[] = [
  Behaviour.Garbage,
  Behaviour.End,
  Behaviour.Reset,
  Behaviour.HalfReply,
  Behaviour.Vanish,
]

/** What a connection needs of its service. */
interface Home {
  closed(): void
  /** Does it now, or when the service is not stopped any more. */
  run(action: () => void): void
}

interface Turn {
  isReady: boolean
  send: () => void
}

class ServiceConnection implements SocketHandler {
  readonly #socket: VirtualSocket
  readonly #world: ServiceWorld
  readonly #reader: FrameReader
  readonly #home: Home
  /** Ordered protocols: what is to be sent, in order. */
  readonly #turns: Turn[] = []
  /** What follows half a reply would become its other half. */
  #isMute = false
  /** Requests that have come and not been dealt with. */
  #due = 0
  #hasClientEnded = false

  constructor(socket: VirtualSocket, world: ServiceWorld, home: Home) {
    this.#socket = socket
    this.#world = world
    this.#home = home
    this.#reader = new FrameReader(world.wire, 'client')
  }

  reset(): void {
    this.#socket.destroy(true)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  onConnect(): void {}

  onData(chunk: Buffer): void {
    for (const frame of this.#reader.read(chunk)) this.#onFrame(frame)
  }

  onEnd(): void {
    this.#hasClientEnded = true
    if (this.#due === 0) this.#socket.end()
  }

  onDrain(): void {}

  onClose(): void {
    this.#home.closed()
  }

  #onFrame(frame: Frame): void {
    const asked = readRequest(frame.body)
    if (asked === undefined) {
      this.#world.problem(`a service got a damaged request, type ${frame.type}, id ${frame.id}`)
      return
    }
    const payload = { ...asked, behaviour: this.#world.behaviourOf(asked) }
    if (frame.stream !== 0 && frame.type !== MessageType.StreamInit) {
      this.#onStreamFrame(frame, payload)
      return
    }
    this.#world.arrived(payload, frame.type)
    if (frame.type === MessageType.Oneway) return
    const turn: Turn = { isReady: false, send: () => this.#act(frame, payload) }
    if (this.#world.wire.definition.correlation === 'order') this.#turns.push(turn)
    this.#due++
    const finish = () => {
      this.#ready(turn)
      if (--this.#due === 0 && this.#hasClientEnded) this.#socket.end()
    }
    this.#world.clock.setTimer(payload.delayMs, () => this.#home.run(finish))
  }

  #ready(turn: Turn): void {
    if (this.#world.wire.definition.correlation === 'id') {
      turn.send()
      return
    }
    turn.isReady = true
    while (this.#turns[0]?.isReady) this.#turns.shift()?.send()
  }

  #onStreamFrame(frame: Frame, payload: RequestPayload): void {
    if (payload.behaviour === Behaviour.Silent) return
    const echo = echoFrame(this.#world.wire, frame, payload)
    if (echo !== null) this.#write(echo)
  }

  #act(frame: Frame, payload: RequestPayload): void {
    if (frame.type === MessageType.StreamInit && !ENDING.includes(payload.behaviour)) {
      if (payload.behaviour === Behaviour.ErrorReply) {
        this.#write(serviceFrame(this.#world.wire, frame, payload, MessageType.StreamCloseTwoWay))
      }
      return
    }
    const socket = this.#socket
    switch (payload.behaviour) {
      case Behaviour.Silent:
        // an ordered service that leaves one out leaves out all behind it
        if (this.#world.wire.definition.correlation === 'order') this.#turns.unshift({ isReady: false, send: () => {} })
        break
      case Behaviour.WrongId:
        this.#reply(frame, payload, frame.id ^ 0x40000000)
        break
      case Behaviour.Doubled:
        this.#reply(frame, payload, frame.id)
        this.#world.clock.setTimer(payload.delayMs, () => this.#reply(frame, payload, frame.id))
        this.#reply(frame, payload, frame.id)
        break
      case Behaviour.Garbage:
        this.#write(this.#world.wire.garbage)
        break
      case Behaviour.End:
        socket.end()
        break
      case Behaviour.Reset:
        socket.destroy(true)
        break
      case Behaviour.HalfReply:
        this.#halfReply(frame, payload)
        break
      case Behaviour.Vanish:
        socket.vanish()
        break
      case Behaviour.Stall:
        socket.pause()
        this.#world.clock.setTimer(payload.delayMs * 3, () => socket.resume())
        this.#reply(frame, payload, frame.id)
        break
      default:
        this.#reply(frame, payload, frame.id)
    }
  }

  #reply(frame: Frame, payload: RequestPayload, id: number): void {
    for (let part = 0; part < payload.parts; part++) this.#write(this.#part(frame, payload, id, part))
  }

  #write(bytes: Buffer): void {
    if (!this.#isMute && !this.#socket.isEnding) this.#socket.write([bytes])
  }

  #halfReply(frame: Frame, payload: RequestPayload): void {
    const whole = this.#part(frame, payload, frame.id, payload.parts - 1)
    this.#write(whole.subarray(0, whole.length >> 1))
    this.#isMute = true
    this.#world.clock.setTimer(payload.delayMs, () => this.reset())
  }

  #part(frame: Frame, payload: RequestPayload, id: number, part: number): Buffer {
    const isLast = part === payload.parts - 1
    const { client, number, replyBytes, route } = payload
    return this.#world.wire.write({
      type: MessageType.Response,
      id,
      stream: frame.stream,
      isError: payload.behaviour === Behaviour.ErrorReply,
      isLast,
      body: writeReply({ client, number, part, isLast }, replyBytes),
      route,
    })
  }
}

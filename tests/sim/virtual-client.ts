import type { Network, SocketHandler } from '@meltemi/proxy'
import { MessageType } from '@meltemi/sdk'
import { Draw } from './draw.ts'
import { type ReplyPayload, readReply, writeRequest } from './payload.ts'
import { type ClientPlan, LISTEN, type RequestPlan } from './scenario.ts'
import type { Trace } from './trace.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { VirtualSocket } from './virtual-socket.ts'
import { ClientStream, type StreamPlan } from './virtual-stream.ts'
import { type Frame, FrameReader, type Wire } from './wire.ts'

export interface ClientWorld {
  readonly seed: number
  readonly clock: VirtualClock
  readonly wire: Wire
  readonly trace: Trace
  problem(text: string): void
}

/** What became of one message of a client. `sent`: nothing came back. */
export type Outcome = 'sent' | 'replied' | 'failed'

export interface SentRequest {
  readonly plan: RequestPlan
  readonly number: number
  readonly id: number
  readonly sentMs: number
  outcome: Outcome
  /** When it was answered; 0: not yet. */
  endedMs: number
  /** Of a reply in parts, how many have come. */
  parts: number
  /** Text of a local error reply, where the protocol has texts. */
  error: string
}

/** One client with one connection, which does what its plan says and checks all that it gets. */
export class VirtualClient implements SocketHandler {
  readonly number: number
  readonly plan: ClientPlan
  readonly requests: SentRequest[] = []
  /** Ended the connection without waiting for the replies, or sent bytes that are no message. */
  isFaulty = false
  /** All that it sends has been handed to the socket, and it has said so. */
  hasEnded = false
  isClosed = false
  /** By the proxy, or by what lies between. */
  wasEnded = false
  /** When; 0: not yet. */
  endedMs = 0
  readonly #world: ClientWorld
  readonly #draw: Draw
  readonly #reader: FrameReader
  readonly #pending = new Map<number, SentRequest>()
  /** Local errors that may belong to any of several requests with the same id. */
  readonly #anonymous = new Map<number, number>()
  readonly #streams = new Map<number, ClientStream>()
  #socket: VirtualSocket | null = null
  #nextId = 1

  constructor(number: number, plan: ClientPlan, world: ClientWorld) {
    this.number = number
    this.plan = plan
    this.#world = world
    this.#draw = new Draw(world.seed, 64 + number)
    this.#reader = new FrameReader(world.wire, 'service')
  }

  /** Requests that want a reply and have none, after those that cannot be told apart are set off. */
  get unanswered(): number {
    let anonymous = 0
    for (const count of this.#anonymous.values()) anonymous += count
    return this.#pending.size - anonymous
  }

  get hasAnonymousErrors(): boolean {
    return this.#anonymous.size > 0
  }

  get openStreams(): number {
    let open = 0
    for (const stream of this.#streams.values()) if (!stream.isOver) open++
    return open
  }

  start(network: Network): void {
    const { clock } = this.#world
    const { plan } = this
    clock.setTimer(plan.startMs, () => {
      this.#socket = network.connect(LISTEN.host, LISTEN.port, this) as VirtualSocket
    })
    for (const burst of plan.bursts) clock.setTimer(burst.atMs, () => this.#send(burst.requests))
    if (plan.stall !== undefined) {
      clock.setTimer(plan.stall.fromMs, () => this.#socket?.pause())
      clock.setTimer(plan.stall.toMs, () => this.#socket?.resume())
    }
    const lastMs = Math.max(
      plan.endMs,
      plan.startMs,
      ...(isOrderly(plan) ? plan.bursts.map((burst) => burst.atMs) : []),
    )
    if (plan.ending !== 'close') clock.setTimer(lastMs + 0.25, () => this.#end())
  }

  /** Ends what the plan has left open. */
  finish(): void {
    this.hasEnded = true
    this.#socket?.resume()
    this.#socket?.end()
  }

  onConnect(): void {}

  onData(chunk: Buffer): void {
    if (this.isClosed) this.#world.problem(`client ${this.number} got bytes after the end`)
    for (const frame of this.#reader.read(chunk)) this.#onFrame(frame)
  }

  onEnd(): void {
    this.wasEnded = true
    this.endedMs = this.#world.clock.now()
    this.#world.trace.event('client-end', this.number, this.#pending.size)
    this.hasEnded = true
    this.#socket?.end()
  }

  onDrain(): void {}

  onClose(error: Error | undefined): void {
    this.isClosed = true
    if (error !== undefined) this.wasEnded = true
  }

  #send(plans: readonly RequestPlan[]): void {
    const socket = this.#socket
    if (socket === null || this.hasEnded || this.isClosed || socket.isDestroyed) return
    const frames = plans.map((plan) => this.#frameOf(plan))
    // in one piece, one by one, or cut anywhere
    if (this.#draw.chance(0.5)) socket.write(frames)
    else for (const frame of frames) socket.write([frame])
  }

  #frameOf(plan: RequestPlan): Buffer {
    const { clock, wire, trace } = this.#world
    const number = this.requests.length + 1
    const id = this.#newId(number)
    const request: SentRequest = {
      plan,
      number,
      id,
      sentMs: clock.now(),
      outcome: 'sent',
      endedMs: 0,
      parts: 0,
      error: '',
    }
    this.requests.push(request)
    if (plan.kind === 'request' || plan.kind === 'heartbeat') this.#pending.set(number, request)
    trace.event('request', this.number, number, plan.kind)
    const body = writeRequest({ ...plan, client: this.number, number }, plan.padBytes)
    const stream = plan.stream === undefined ? 0 : number
    if (plan.stream !== undefined) this.#openStream(plan, plan.stream, number)
    return wire.write({ type: TYPES[plan.kind], id, stream, isError: false, isLast: true, body, route: plan.route })
  }

  #openStream(request: RequestPlan, plan: StreamPlan, number: number): void {
    const { wire, clock } = this.#world
    const stream = new ClientStream({ ...request, client: this.number, number }, plan, wire, (bytes) =>
      this.#write(bytes),
    )
    this.#streams.set(number, stream)
    const next = () => {
      if (stream.send()) clock.setTimer(plan.gapMs, next)
    }
    clock.setTimer(plan.gapMs, next)
  }

  #write(bytes: Buffer): void {
    const socket = this.#socket
    if (socket !== null && !this.hasEnded && !socket.isEnding && !socket.isDestroyed) socket.write([bytes])
  }

  #newId(number: number): number {
    switch (this.plan.ids) {
      case 'counted':
        return this.#nextId++
      case 'random':
        return this.#draw.random.u32()
      case 'same':
        return 7
      case 'unique':
        return this.number * 100_000 + number
    }
  }

  #end(): void {
    const socket = this.#socket
    if (socket === null || this.isClosed) return
    const { ending } = this.plan
    this.isFaulty = ending !== 'half-close'
    this.hasEnded = true
    this.#world.trace.event('client-ends', this.number, this.#pending.size, ending)
    switch (ending) {
      case 'destroy':
        socket.destroy()
        break
      case 'reset':
        socket.destroy(true)
        break
      case 'vanish':
        socket.vanish()
        this.isClosed = true
        break
      case 'garbage':
        if (!socket.isEnding) socket.write([this.#world.wire.garbage])
        break
      case 'partial':
        if (!socket.isEnding) socket.write([this.#world.wire.garbage.subarray(0, 4)])
        break
      default:
        socket.end()
    }
  }

  #onFrame(frame: Frame): void {
    const { trace } = this.#world
    if (frame.type === MessageType.Heartbeat) {
      if (frame.id !== 0) this.#onHeartbeat(frame)
      return
    }
    const reply = readReply(frame.body)
    if (frame.stream !== 0) {
      this.#onStreamFrame(frame, reply)
      return
    }
    if (reply === undefined) {
      this.#onLocalError(frame)
      return
    }
    const request = this.#pending.get(reply.number)
    trace.event('reply', this.number, reply.number, frame.isError ? 'error' : '')
    if (reply.client !== this.number) this.#wrong(`got the reply to request ${reply.number} of client ${reply.client}`)
    else if (request === undefined)
      this.#wrong(`got a reply to request ${reply.number}, which was answered or never sent`)
    else if (request.id !== frame.id) this.#wrong(`request ${reply.number}: id ${frame.id} came back for ${request.id}`)
    else if (request.parts++ !== reply.part) this.#wrong(`request ${reply.number}: part ${reply.part} is out of place`)
    else if (frame.isLast) this.#settle(request, 'replied')
  }

  #onStreamFrame(frame: Frame, echo: ReplyPayload | undefined): void {
    const stream = this.#streams.get(frame.stream)
    this.#world.trace.event('stream', this.number, frame.stream, `type ${frame.type} part ${echo?.part}`)
    const fault = stream === undefined ? 'a frame of a stream that it did not open' : stream.receive(frame, echo)
    if (fault !== '') this.#wrong(`stream ${frame.stream}: ${fault}`)
  }

  #onHeartbeat(frame: Frame): void {
    const request = this.#firstPending((one) => one.plan.kind === 'heartbeat' && one.id === frame.id)
    if (request === undefined) this.#wrong(`got the answer to a heartbeat ${frame.id} that it did not send`)
    else this.#settle(request, 'replied')
  }

  #onLocalError(frame: Frame): void {
    const text = frame.body.toString('latin1')
    this.#world.trace.event('local-error', this.number, frame.id, text)
    if (!frame.isError) {
      this.#wrong(`got a reply with id ${frame.id} that nobody wrote`)
      return
    }
    const isOrdered = this.#world.wire.definition.correlation === 'order'
    const anonymous = this.#anonymous.get(frame.id) ?? 0
    const candidates = [...this.#pending.values()].filter(
      (one) => one.plan.kind === 'request' && (isOrdered || one.id === frame.id),
    )
    const request = candidates[0]
    if (request === undefined || candidates.length <= anonymous)
      this.#wrong(`got an error for id ${frame.id}, which does not wait`)
    else if (request.id !== frame.id) this.#wrong(`request ${request.number}: an error for id ${frame.id} overtook`)
    else if (candidates.length > 1 && !isOrdered) this.#anonymous.set(frame.id, anonymous + 1)
    else {
      request.error = text
      this.#anonymous.delete(frame.id)
      this.#settle(request, 'failed')
    }
  }

  #settle(request: SentRequest, outcome: Outcome): void {
    request.outcome = outcome
    request.endedMs = this.#world.clock.now()
    this.#pending.delete(request.number)
    if (this.#world.wire.definition.correlation !== 'order') return
    const before = this.#firstPending((one) => one.number < request.number)
    if (before !== undefined) this.#wrong(`request ${request.number} was answered before ${before.number}`)
  }

  #firstPending(accepts: (request: SentRequest) => boolean): SentRequest | undefined {
    for (const request of this.#pending.values()) if (accepts(request)) return request
    return undefined
  }

  #wrong(what: string): void {
    this.#world.problem(`client ${this.number} ${what}`)
  }
}

const TYPES = {
  request: MessageType.Request,
  oneway: MessageType.Oneway,
  heartbeat: MessageType.Heartbeat,
  stream: MessageType.StreamInit,
} as const

/** Sends everything planned before it ends. */
function isOrderly(plan: ClientPlan): boolean {
  return plan.ending === 'half-close'
}

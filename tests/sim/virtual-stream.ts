import { MessageType } from '@meltemi/sdk'
import { type ReplyPayload, type RequestPayload, writeReply, writeRequest } from './payload.ts'
import type { Frame, Wire } from './wire.ts'

/** What one client does with one stream. */
export interface StreamPlan {
  readonly frames: number
  readonly gapMs: number
  readonly closing: 'one-way' | 'two-way' | 'never'
}

type Write = (bytes: Buffer) => void

/** The client's end of a stream: sends numbered frames, and wants their echoes in order. */
export class ClientStream {
  readonly payload: RequestPayload
  readonly plan: StreamPlan
  /** Both sides have closed, or one has reset it. */
  isOver = false
  readonly #wire: Wire
  readonly #write: Write
  #sent = 0
  #echoed = 0
  #isClosed = false
  #isServiceClosed = false
  #hasReset = false

  constructor(payload: RequestPayload, plan: StreamPlan, wire: Wire, write: Write) {
    this.payload = payload
    this.plan = plan
    this.#wire = wire
    this.#write = write
  }

  /** The next frame, or the end; false: that was all. */
  send(): boolean {
    if (this.isOver || this.#isClosed) return false
    if (this.#sent < this.plan.frames) {
      this.#sendFrame(MessageType.StreamData, ++this.#sent)
      return true
    }
    if (this.plan.closing === 'never') return false
    this.#isClosed = true
    this.#hasReset = this.plan.closing === 'two-way'
    this.#sendFrame(this.#hasReset ? MessageType.StreamCloseTwoWay : MessageType.StreamCloseOneWay, 0)
    this.isOver = this.#hasReset || this.#isServiceClosed
    return false
  }

  /** Returns what is wrong with a frame that has come; empty: nothing. */
  receive(frame: Frame, echo: ReplyPayload | undefined): string {
    // what was on its way when the client reset the stream
    if (this.#hasReset) return ''
    if (this.isOver) return `type ${frame.type} after the end of the stream`
    if (frame.type === MessageType.Error) this.isOver = true
    else if (echo === undefined) return `type ${frame.type} that nobody wrote`
    else if (echo.client !== this.payload.client || echo.number !== this.payload.number) {
      return `a frame of stream ${echo.client}/${echo.number}`
    } else if (frame.type === MessageType.StreamData) {
      if (this.#isServiceClosed) return 'a frame after the close'
      if (echo.part !== ++this.#echoed) return `frame ${echo.part} instead of ${this.#echoed}`
    } else if (frame.type === MessageType.StreamCloseOneWay) {
      this.#isServiceClosed = true
      this.isOver = this.#isClosed
    } else this.isOver = true
    return ''
  }

  #sendFrame(type: MessageType, part: number): void {
    const body = writeRequest({ ...this.payload, parts: part }, 8)
    const { number, route } = this.payload
    this.#write(this.#wire.write({ type, id: number, stream: number, isError: false, isLast: true, body, route }))
  }
}

/** The service's answer to one frame of a stream, or null. */
export function echoFrame(wire: Wire, frame: Frame, payload: RequestPayload): Buffer | null {
  if (frame.type === MessageType.StreamCloseTwoWay || frame.type === MessageType.StreamInit) return null
  return serviceFrame(wire, frame, payload, frame.type)
}

export function serviceFrame(wire: Wire, frame: Frame, payload: RequestPayload, type: MessageType): Buffer {
  const { client, number, parts, route } = payload
  const body = writeReply({ client, number, part: parts, isLast: false }, 8)
  return wire.write({ type, id: frame.id, stream: frame.stream, isError: false, isLast: true, body, route })
}

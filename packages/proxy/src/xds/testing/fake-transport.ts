import type { XdsRequest, XdsResponse, XdsService, XdsStream, XdsStreamListener, XdsTransport } from '../transport.ts'

/** One stream as the control plane sees it. */
export class FakeStream implements XdsStream {
  readonly address: string
  readonly service: XdsService
  readonly #listener: XdsStreamListener
  /** What was asked, in order; `take` removes. */
  readonly requests: XdsRequest[] = []
  isCancelled = false

  constructor(address: string, service: XdsService, listener: XdsStreamListener) {
    this.address = address
    this.service = service
    this.#listener = listener
  }

  write(request: XdsRequest): void {
    this.requests.push(request)
  }

  cancel(): void {
    if (this.isCancelled) return
    this.isCancelled = true
    queueMicrotask(() => this.#listener.onClose('cancelled'))
  }

  send(response: XdsResponse): void {
    this.#listener.onMessage(response)
  }

  end(reason = 'gone'): void {
    this.#listener.onClose(reason)
  }

  /** The requests since the last call. */
  take(): XdsRequest[] {
    return this.requests.splice(0)
  }
}

/** A network without any: tests play the control plane. */
export class FakeTransport {
  readonly streams: FakeStream[] = []

  readonly open: XdsTransport = (address, service, listener) => {
    const stream = new FakeStream(address, service, listener)
    this.streams.push(stream)
    return stream
  }

  get last(): FakeStream {
    return this.streams.at(-1) ?? fail()
  }
}

function fail(): never {
  throw new Error('there was no stream')
}

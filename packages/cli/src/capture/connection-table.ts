import { formatEndpoint } from './format-endpoint.ts'
import type { Summary } from './summary.ts'
import { type ConnectionOptions, type ConnectionSink, TcpConnection } from './tcp-connection.ts'
import type { TcpSegment } from './tcp-segment.ts'

export interface TableOptions extends ConnectionOptions {
  /** Which side is the service's, where the capture does not have the beginning of a connection. */
  readonly serverPort: number | undefined
  readonly maxConnections: number
  /** Of all connections together. */
  readonly maxHeldBytes: number
}

/** Closed connections are known for a while, so that late segments do not look like new ones. */
const MAX_CLOSED = 1000

/**
 * The connections of a capture, the one that was silent for longest first. Above a limit that one is given up.
 *
 * The client is who sends the first SYN. Where that is not in the capture the service is at `serverPort`, or else at
 * the lower of both ports; of equal ones, where the first packet goes to.
 */
export class ConnectionTable {
  readonly #options: TableOptions
  readonly #sink: ConnectionSink
  readonly #summary: Summary
  readonly #connections = new Map<string, TcpConnection>()
  readonly #closed = new Map<string, TcpConnection>()
  #heldBytes = 0

  constructor(options: TableOptions, sink: ConnectionSink, summary: Summary) {
    this.#options = options
    this.#sink = sink
    this.#summary = summary
  }

  take(segment: TcpSegment): void {
    const { source, destination } = segment
    const key = source < destination ? source + destination : destination + source
    const connection = this.#find(key, segment)
    if (connection === undefined) return
    const before = connection.heldBytes
    connection.take(segment)
    this.#heldBytes += connection.heldBytes - before
    if (connection.isOver) this.#close(key, connection)
    if (this.#heldBytes > this.#options.maxHeldBytes) this.#makeRoom()
  }

  /** The capture has ended: each step ends one connection, so that what it tells need not be kept with that of others. */
  *finish(): Generator<void> {
    for (const connection of this.#connections.values()) yield connection.finish('the capture ended')
    this.#connections.clear()
  }

  /** undefined: a segment to pass over. */
  #find(key: string, segment: TcpSegment): TcpConnection | undefined {
    const known = this.#connections.get(key)
    if (known !== undefined) {
      this.#connections.delete(key)
      if (!known.isOther(segment)) {
        this.#connections.set(key, known)
        return known
      }
      this.#end(known, () => known.finish('its ports were used again'))
    }
    const closed = this.#closed.get(key)
    if (closed !== undefined && !closed.isOther(segment)) return undefined
    this.#closed.delete(key)
    return hasSomething(segment) ? this.#open(key, segment) : undefined
  }

  #close(key: string, connection: TcpConnection): void {
    this.#connections.delete(key)
    this.#closed.set(key, connection)
    if (this.#closed.size <= MAX_CLOSED) return
    for (const oldest of this.#closed.keys()) {
      this.#closed.delete(oldest)
      return
    }
  }

  #open(key: string, segment: TcpSegment): TcpConnection {
    if (this.#connections.size >= this.#options.maxConnections) this.#giveUpOldest('too many connections at once')
    const client = isFromClient(segment, this.#options.serverPort) ? segment.source : segment.destination
    const server = client === segment.source ? segment.destination : segment.source
    const number = ++this.#summary.connections
    const name = { number, client: formatEndpoint(client), server: formatEndpoint(server) }
    const connection = new TcpConnection(name, client, segment, this.#options, this.#sink)
    this.#connections.set(key, connection)
    return connection
  }

  #makeRoom(): void {
    while (this.#heldBytes > this.#options.maxHeldBytes && this.#connections.size > 0) {
      this.#giveUpOldest('all connections together hold too much')
    }
  }

  #giveUpOldest(reason: string): void {
    for (const [key, oldest] of this.#connections) {
      this.#connections.delete(key)
      this.#summary.givenUp++
      this.#end(oldest, () => oldest.giveUp(reason))
      return
    }
  }

  /** Whatever it held is free afterwards. */
  #end(connection: TcpConnection, end: () => void): void {
    this.#heldBytes -= connection.heldBytes
    end()
  }
}

/** An acknowledgement of an unknown connection tells nothing, and is often the last of a closed one. */
function hasSomething(segment: TcpSegment): boolean {
  return segment.isSyn || segment.payload.length > 0 || segment.missing > 0
}

function isFromClient(segment: TcpSegment, serverPort: number | undefined): boolean {
  const { sourcePort, destinationPort, isSyn } = segment
  if (isSyn) return segment.acknowledgement === undefined
  if (destinationPort === serverPort || sourcePort === serverPort) return destinationPort === serverPort
  return destinationPort <= sourcePort
}

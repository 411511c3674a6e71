import { Affinity, type Metadata } from '@meltemi/sdk'
import type { ConnectionOwner, DrainWaiter, UpstreamConnection } from '../upstream/connection.ts'
import type { Exchange } from './exchange.ts'

/** Whose conversation with a service it is. */
export interface PinningClient {
  /** A message of the service that answers no request. */
  onPush(message: Metadata): void
  /** The conversation's state is gone with the connection. */
  onPinnedClose(): void
  /** The service takes less than the client says to it, until `onServiceDrain`. */
  onSlowService(): void
  onServiceDrain(): void
}

/** The upstream connection that one client owns, if it does: see Affinity. */
export class Pinning implements ConnectionOwner, DrainWaiter {
  connection: UpstreamConnection | null = null
  readonly #client: PinningClient

  constructor(client: PinningClient) {
    this.#client = client
  }

  pin(connection: UpstreamConnection): void {
    this.connection = connection
    connection.owner = this
  }

  /** Gives the connection back, unless what came behind this exchange pins it again. */
  unpin(by: Exchange): void {
    const { connection } = this
    if (connection === null) return
    // the next login or transaction has begun already, on the same connection
    for (let later = by.next; later !== null; later = later.next) if (later.request.affinity === Affinity.Pin) return
    this.connection = null
    connection.owner = null
    connection.pool.onRoom(connection)
  }

  /** A message of the conversation that answers nothing. False when there is no conversation. */
  send(message: Metadata): boolean {
    const { connection } = this
    if (connection === null) return false
    connection.sendOwned(message)
    if (connection.isCongested) {
      this.#client.onSlowService()
      connection.whenDrained(this)
    }
    return true
  }

  /** The client is gone: nobody else can go on with its conversation. */
  close(): void {
    const { connection } = this
    this.connection = null
    if (connection === null) return
    connection.owner = null
    connection.close('local')
  }

  onPush(message: Metadata): void {
    this.#client.onPush(message)
  }

  onUpstreamDrain(): void {
    this.#client.onServiceDrain()
  }

  onOwnedClose(): void {
    this.connection = null
    this.#client.onPinnedClose()
  }
}

import type { GrpcClient } from '@meltemi/runtime/grpc'

/** The one connection of this thread to a gRPC service at one endpoint. */
export class GrpcChannel {
  readonly address: string
  /** Of the secrets that it was made with. */
  readonly secretsVersion: number
  readonly client: GrpcClient
  #calls = 0
  #isDraining = false

  constructor(address: string, secretsVersion: number, client: GrpcClient) {
    this.address = address
    this.secretsVersion = secretsVersion
    this.client = client
  }

  begin(): void {
    this.#calls++
  }

  end(): void {
    this.#calls--
    this.#closeIfDone()
  }

  /** No new calls; it closes when those under way have ended. */
  drain(): void {
    this.#isDraining = true
    this.#closeIfDone()
  }

  /** Ends every call. */
  close(): void {
    this.client.close()
  }

  #closeIfDone(): void {
    if (this.#isDraining && this.#calls === 0) this.close()
  }
}

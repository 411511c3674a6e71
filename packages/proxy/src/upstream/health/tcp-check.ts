import type { HealthCheckKind } from '@meltemi/api/model'
import { PayloadMatch } from './payload-match.ts'
import type { Conversation, ProbeProtocol } from './probe.ts'

/** A connection is made, something sent perhaps, and something expected perhaps. */
export class TcpCheck implements ProbeProtocol {
  readonly #send: readonly Buffer[]
  readonly #receive: readonly Buffer[]

  constructor({ send, receive }: Extract<HealthCheckKind, { kind: 'tcp' }>) {
    this.#send = send === '' ? [] : [Buffer.from(send, 'hex')]
    this.#receive = receive.map((hex) => Buffer.from(hex, 'hex'))
  }

  connect(): Conversation {
    let match = new PayloadMatch(this.#receive)
    return {
      needsNoAnswer: this.#receive.length === 0,
      ask: () => {
        match = new PayloadMatch(this.#receive)
        return this.#send
      },
      answer: (chunk) => (match.add(chunk) ? 'healthy' : undefined),
    }
  }
}

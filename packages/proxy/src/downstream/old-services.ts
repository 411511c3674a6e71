import type { UpstreamProtocol } from '../upstream/protocol.ts'
import type { ListenerService } from './listener-service.ts'

interface Old {
  readonly service: ListenerService
  /** Connections that still use it. */
  count: number
}

/** What a listener no longer gives to new connections, while older ones still use it. */
export class OldServices {
  readonly #active: { add(n: number): void }
  readonly #onUnused: (service: ListenerService) => void
  readonly #old = new Map<ListenerService['context'], Old>()

  /** `active`: connections on older services. */
  constructor(active: { add(n: number): void }, onUnused: (service: ListenerService) => void) {
    this.#active = active
    this.#onUnused = onUnused
  }

  /** `count`: connections that use it now. */
  add(service: ListenerService, count: number): void {
    this.#active.add(count)
    if (count > 0) this.#old.set(service.context, { service, count })
    else this.#onUnused(service)
  }

  /** A connection with this context is gone. */
  onGone(context: ListenerService['context']): void {
    const old = this.#old.get(context)
    if (old === undefined) return
    this.#active.add(-1)
    if (--old.count > 0) return
    this.#old.delete(context)
    this.#onUnused(old.service)
  }

  hasProtocol(protocol: UpstreamProtocol): boolean {
    for (const { service } of this.#old.values()) {
      if (service.kind === 'meta-protocol' && service.context.protocol === protocol) return true
    }
    return false
  }
}

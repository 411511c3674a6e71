import type { ListenerContext } from './listener-context.ts'

/** What a listener no longer gives to new connections, while older ones still use it. */
export class OldServices {
  readonly #active: { add(n: number): void }
  readonly #connections = new Map<ListenerContext, number>()

  /** `active`: connections on older code. */
  constructor(active: { add(n: number): void }) {
    this.#active = active
  }

  /** `count`: connections that use it now. */
  add(context: ListenerContext, count: number): void {
    this.#active.add(count)
    if (count > 0) this.#connections.set(context, count)
    else release(context)
  }

  /** A connection with this context is gone. */
  onGone(context: ListenerContext): void {
    const count = this.#connections.get(context)
    if (count === undefined) return
    this.#active.add(-1)
    if (count > 1) {
      this.#connections.set(context, count - 1)
      return
    }
    this.#connections.delete(context)
    release(context)
  }
}

function release(context: ListenerContext): void {
  context.clusters.release(context.protocol)
}

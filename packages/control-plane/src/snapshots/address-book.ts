import { keyOf } from '@meltemi/api'
import { compareAge } from '../store/precedence.ts'
import type { ServiceView, StatusNote } from '../store/world.ts'
import { indexOfPort } from '../translate/notes.ts'
import type { ListenerResource } from './encode-service.ts'

interface Claim {
  readonly view: ServiceView
  readonly listener: ListenerResource
}

/** Who wants to listen where. Of several services that are seen together the oldest has an address. */
export class AddressBook {
  /** By address and port, then by host. */
  readonly #claims = new Map<string, Map<string, Claim>>()
  /** By host. */
  readonly #addresses = new Map<string, readonly string[]>()

  /** undefined: the service is gone. */
  set(host: string, view: ServiceView | undefined, listeners: readonly ListenerResource[]): void {
    for (const address of this.#addresses.get(host) ?? []) this.#release(address, host)
    this.#addresses.delete(host)
    if (view === undefined) return
    this.#addresses.set(host, listeners.map(addressOf))
    for (const listener of listeners) {
      const claims = this.#claims.get(addressOf(listener)) ?? new Map<string, Claim>()
      this.#claims.set(addressOf(listener), claims.set(host, { view, listener }))
    }
  }

  /** For those that do not get what they want from every proxy that sees them. */
  notes(): readonly StatusNote[] {
    const contested = [...this.#claims.values()].filter((claims) => claims.size > 1)
    return contested.flatMap((claims) => {
      const sorted = [...claims.values()].sort((a, b) => compareAge(a.view.origin, b.view.origin))
      return sorted.flatMap((claim, index) => {
        const owner = sorted.slice(0, index).find(({ view }) => areSeenTogether(view, claim.view))
        return owner === undefined ? [] : [takenNote(claim, owner)]
      })
    })
  }

  #release(address: string, host: string): void {
    const claims = this.#claims.get(address)
    claims?.delete(host)
    if (claims?.size === 0) this.#claims.delete(address)
  }
}

function addressOf({ address, port }: ListenerResource): string {
  return `${address} ${port}`
}

function areSeenTogether(a: ServiceView, b: ServiceView): boolean {
  const isInBoth = (entry: string) => (entry === '*' ? b.exportTo.length > 0 : b.exportTo.includes(entry))
  return a.exportTo.some((entry) => isInBoth(entry) || b.exportTo.includes('*'))
}

function takenNote({ view, listener }: Claim, owner: Claim): StatusNote {
  const { address, port } = listener
  return {
    key: keyOf(view.origin),
    severity: 'error',
    code: 'address-conflict',
    path: ['spec', 'ports', indexOfPort(view, port)],
    message: `${address}:${port} is that of service ${owner.view.host}, which is older, on proxies that see both`,
    fix: 'give the service an address of its own, or the port another number',
  }
}

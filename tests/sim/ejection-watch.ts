import type { Proxy } from '@meltemi/proxy'
import type { CountingRegistry } from './counting-registry.ts'

interface Ejected {
  readonly requests: number
  readonly panics: number
}

/** Reads in the log who is ejected and who is back, and whether anything went to whoever was ejected. */
export class EjectionWatch {
  ejections = 0
  returns = 0
  /** Returns of hosts that have got a request since. */
  reused = 0
  readonly #ejected = new Map<string, Ejected>()
  readonly #back = new Map<string, number>()
  readonly #problem: (text: string) => void

  constructor(problem: (text: string) => void) {
    this.#problem = problem
  }

  onLog(message: string, fields: Readonly<Record<string, unknown>>, proxy: Proxy, metrics: CountingRegistry): void {
    const cluster = String(fields['cluster'])
    const host = String(fields['host'])
    const key = `${cluster} ${host}`
    const requests = requestsOf(proxy, cluster, host)
    if (requests === undefined) return
    const panics = metrics.sum(`cluster.${cluster}.lb_healthy_panic`)
    if (message === 'host is ejected' && fields['isEnforced'] === true) {
      this.ejections++
      const before = this.#back.get(key)
      if (before !== undefined && requests > before) this.reused++
      this.#ejected.set(key, { requests, panics })
    } else if (message === 'host is back') {
      this.returns++
      this.#back.set(key, requests)
      const since = this.#ejected.get(key)
      this.#ejected.delete(key)
      // in panic everybody gets some
      if (since === undefined || since.panics !== panics || since.requests === requests) return
      this.#problem(`${requests - since.requests} requests went to ${host} of ${cluster} while it was ejected`)
    }
  }
}

/** undefined: it is not there any more. */
function requestsOf(proxy: Proxy, cluster: string, host: string): number | undefined {
  return proxy.endpoints().find((each) => each.cluster === cluster && each.address === host)?.rqTotal
}

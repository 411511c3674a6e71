type Version = 'v1' | 'v2'

/** What was seen of one protocol: who answered, how fast, how often not at all, and what arrived without an answer. */
export class Tally {
  readonly protocol: string
  total = 0
  errors = 0
  /** Since the step began. */
  readonly byVersion: Record<Version, number> = { v1: 0, v2: 0 }
  readonly #arrived: Record<Version, number> = { v1: 0, v2: 0 }
  #latenciesMs: number[] = []
  #ratePerSecond = 0
  #lastTotal = 0
  #lastMs = performance.now()

  constructor(protocol: string) {
    this.protocol = protocol
  }

  /** A step begins: shares and copies are counted anew, requests and errors go on. */
  begin(): void {
    for (const counts of [this.byVersion, this.#arrived]) Object.assign(counts, { v1: 0, v2: 0 })
    this.#latenciesMs = []
  }

  /** A service has had a request. */
  arrived(version: Version): void {
    this.#arrived[version]++
  }

  /** The connection to the proxy is gone. */
  fail(): void {
    this.errors++
  }

  add(error: Error | null, text: string, latencyMs: number): void {
    this.total++
    if (error !== null) this.errors++
    else if (text.endsWith('v1')) this.byVersion.v1++
    else if (text.endsWith('v2')) this.byVersion.v2++
    else this.errors++
    // a window of the last thousand is enough for a sample's percentiles
    if (this.#latenciesMs.length >= 1000) this.#latenciesMs = this.#latenciesMs.slice(500)
    this.#latenciesMs.push(latencyMs)
  }

  /** One line of the table. */
  row(): string {
    this.#measureRate()
    const { v1, v2 } = this.byVersion
    const share = (count: number): string => (v1 + v2 === 0 ? '-' : `${((count / (v1 + v2)) * 100).toFixed(1)} %`)
    const copies = Math.max(0, this.#arrived.v2 - v2)
    const sorted = [...this.#latenciesMs].sort((a, b) => a - b)
    const quantile = (q: number): string => `${(sorted[Math.floor(sorted.length * q)] ?? 0).toFixed(2)} ms`
    const cells = [share(v1), share(v2), String(copies), `${this.#ratePerSecond}/s`]
    return columns(this.protocol, ...cells, quantile(0.5), quantile(0.99), String(this.total), String(this.errors))
  }

  #measureRate(): void {
    const nowMs = performance.now()
    this.#ratePerSecond = Math.round(((this.total - this.#lastTotal) / (nowMs - this.#lastMs)) * 1000)
    this.#lastTotal = this.total
    this.#lastMs = nowMs
  }
}

/** Copies: what a service has had although the client's answer came from the other version. */
export const HEADER = columns('protocol', 'v1', 'v2', 'v2 copies', 'rate', 'p50', 'p99', 'requests', 'errors')

function columns(first: string, ...rest: string[]): string {
  return first.padEnd(12) + rest.map((cell) => cell.padStart(11)).join('')
}

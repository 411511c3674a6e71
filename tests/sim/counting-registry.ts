import type { Counter, Gauge, Histogram, MetricRegistry } from '@meltemi/runtime'

class Cell implements Counter, Gauge, Histogram {
  value = 0

  add(n: number): void {
    this.value += n
  }

  set(value: number): void {
    this.value = value
  }

  record(): void {
    this.value++
  }
}

/** Metrics of one simulated thread, cheap to make and easy to read. Histograms count their records. */
export class CountingRegistry implements MetricRegistry {
  readonly #cells = new Map<string, Cell>()

  counter(name: string): Counter {
    return this.#cell(name)
  }

  gauge(name: string): Gauge {
    return this.#cell(name)
  }

  histogram(name: string): Histogram {
    return this.#cell(name)
  }

  /** The sum over all metrics whose name ends like this, but for those whose name begins with `except`. */
  sum(ending: string, except?: string): number {
    let sum = 0
    for (const [name, cell] of this.#cells) {
      if (name.endsWith(ending) && (except === undefined || !name.startsWith(except))) sum += cell.value
    }
    return sum
  }

  entries(): readonly (readonly [name: string, value: number])[] {
    return [...this.#cells].map(([name, cell]) => [name, cell.value] as const)
  }

  #cell(name: string): Cell {
    let cell = this.#cells.get(name)
    if (cell === undefined) {
      cell = new Cell()
      this.#cells.set(name, cell)
    }
    return cell
  }
}

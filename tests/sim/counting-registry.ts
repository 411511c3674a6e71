import type { Counter, Gauge, GroupedRegistry, HeldMetrics, Histogram } from '@meltemi/runtime'

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

/**
 * Metrics of one simulated thread, cheap to make and easy to read. Histograms count their records. What belongs to a
 * group stays when the group is gone, so that the books can be checked at the end.
 */
export class CountingRegistry implements GroupedRegistry {
  /** How often each group is held. */
  readonly held = new Map<string, number>()
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

  hold(group: string): HeldMetrics {
    this.held.set(group, (this.held.get(group) ?? 0) + 1)
    return {
      counter: (name) => this.#cell(name),
      gauge: (name) => this.#cell(name),
      histogram: (name) => this.#cell(name),
      release: () => {
        const left = (this.held.get(group) ?? 0) - 1
        if (left === 0) this.held.delete(group)
        else this.held.set(group, left)
      },
    }
  }

  /** The sum over all metrics whose name ends like this, but for those whose name begins with `except`. */
  sum(ending: string, except?: string): number {
    let sum = 0
    for (const [name, cell] of this.#cells) {
      if (name.endsWith(ending) && (except === undefined || !name.startsWith(except))) sum += cell.value
    }
    return sum
  }

  /** The sum over all metrics whose name begins like this. */
  sumFrom(beginning: string): number {
    let sum = 0
    for (const [name, cell] of this.#cells) if (name.startsWith(beginning)) sum += cell.value
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

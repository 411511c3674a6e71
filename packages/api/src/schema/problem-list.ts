import type { Place } from '../document/source-node.ts'
import type { Problem } from '../model/index.ts'

export interface Spot {
  readonly path: string
  readonly place: Place
}

/** A file that is nothing but faults must not fill the screen. */
const MAX_PROBLEMS = 1_000

/** Collects everything that is wrong with one configuration. */
export class ProblemList {
  readonly #file: string
  #problems: Problem[] = []
  readonly #errorPaths = new Set<string>()
  #errors = 0

  constructor(file: string) {
    this.#file = file
  }

  get errorCount(): number {
    return this.#errors
  }

  /** One error per path: what follows from the first one helps nobody. */
  error(spot: Spot, message: string): void {
    this.#errors += 1
    if (spot.path !== '' && this.#errorPaths.has(spot.path)) return
    this.#errorPaths.add(spot.path)
    this.#add('error', spot, message)
  }

  /** An error about a value as a whole; what was found inside it no longer matters. */
  refuse(spot: Spot, message: string): void {
    const isInside = (path: string) =>
      path === spot.path || path.startsWith(`${spot.path}.`) || path.startsWith(`${spot.path}[`)
    this.#problems = this.#problems.filter((problem) => !isInside(problem.path))
    this.#errorPaths.delete(spot.path)
    this.error(spot, message)
  }

  warning(spot: Spot, message: string): void {
    this.#add('warning', spot, message)
  }

  /** In the order of the file. */
  sorted(): readonly Problem[] {
    return this.#problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
  }

  #add(severity: Problem['severity'], spot: Spot, message: string): void {
    if (this.#problems.length >= MAX_PROBLEMS) return
    const text = this.#problems.length === MAX_PROBLEMS - 1 ? `${message} (more problems are not shown)` : message
    const { line, column } = spot.place
    this.#problems.push({ severity, file: this.#file, line, column, path: spot.path, message: text })
  }
}

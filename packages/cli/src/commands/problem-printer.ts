import { formatProblem, type Problem } from '@meltemi/api'
import type { Backend } from '@meltemi/control-plane'
import { type Console, printLine } from '../console.ts'

/** Of one change; of more only their number is said. */
const MAX_LINES = 20

/** Prints the problems of resources as they come, and says so when they are gone. */
export class ProblemPrinter {
  readonly #backend: Backend
  readonly #console: Console
  readonly #unsubscribe: () => void
  #known: ReadonlyMap<string, Problem> = new Map()

  constructor(backend: Backend, console: Console) {
    this.#backend = backend
    this.#console = console
    this.#unsubscribe = backend.subscribe(({ hasOtherProblems }) => {
      if (hasOtherProblems) this.#print()
    })
    this.#print()
  }

  close(): void {
    this.#unsubscribe()
  }

  #print(): void {
    const before = this.#known
    this.#known = new Map(this.#backend.problems().map((problem) => [formatProblem(problem), problem]))
    const fresh = [...this.#known].filter(([text]) => !before.has(text))
    const gone = [...before.keys()].filter((text) => !this.#known.has(text))
    for (const [text, { severity }] of fresh.slice(0, MAX_LINES)) printLine(this.#console, severity, text)
    for (const text of gone.slice(0, MAX_LINES)) printLine(this.#console, 'solved', text)
    const hidden = Math.max(0, fresh.length - MAX_LINES) + Math.max(0, gone.length - MAX_LINES)
    if (hidden > 0)
      printLine(this.#console, 'note', `${hidden} more; meltemi get -o wide and the page have all of them`)
  }
}

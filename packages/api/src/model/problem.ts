/** One thing wrong with a configuration: where, and why. Configurations are refused whole, with all their problems. */
export interface Problem {
  /** note: nothing is wrong, but it may not be what was meant. */
  readonly severity: 'error' | 'warning' | 'note'
  /** File name as the user gave it; empty when the configuration did not come from a file. */
  readonly file: string
  /** From 1; 0: unknown. */
  readonly line: number
  readonly column: number
  /** For example `static_resources.listeners[0].filter_chains[0]`. */
  readonly path: string
  readonly message: string
  /** The kind of problem, which stays the same in all versions; of resources only. */
  readonly code?: string
  /** What to do about it, where that can be said. */
  readonly fix?: string
}

/** `file:line:column: path: message; fix [code]`, without the parts that are unknown. */
export function formatProblem(problem: Problem): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file
  const text = problem.fix === undefined ? problem.message : `${problem.message}; ${problem.fix}`
  const head = [place, problem.path, text].filter((part) => part !== '').join(': ')
  return problem.code === undefined ? head : `${head} [${problem.code}]`
}

/** One thing wrong with a configuration: where, and why. Configurations are refused whole, with all their problems. */
export interface Problem {
  readonly severity: 'error' | 'warning'
  /** File name as the user gave it; empty when the configuration did not come from a file. */
  readonly file: string
  /** From 1; 0: unknown. */
  readonly line: number
  readonly column: number
  /** For example `static_resources.listeners[0].filter_chains[0]`. */
  readonly path: string
  readonly message: string
}

/** `file:line:column: path: message`, without the parts that are unknown. */
export function formatProblem(problem: Problem): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file
  return [place, problem.path, problem.message].filter((part) => part !== '').join(': ')
}

/** Why a change of the configuration is not in force: one text per fault. */
export class ConfigRefused extends Error {
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(faults.join('; '))
    this.name = 'ConfigRefused'
    this.faults = faults
  }
}

/** The texts of what was thrown. */
export function faultsOf(error: unknown): readonly string[] {
  if (error instanceof ConfigRefused) return error.faults
  return [error instanceof Error ? error.message : String(error)]
}

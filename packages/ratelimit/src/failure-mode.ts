/**
 * What is answered while the counters cannot be had. `error`: the call fails, so that the proxy's own failure mode
 * decides; `allow`, `deny`: as if no limit were reached, or each; `memory`: this process counts for itself meanwhile.
 */
export type FailureMode = 'error' | 'allow' | 'deny' | 'memory'

export const FAILURE_MODES: readonly FailureMode[] = ['error', 'allow', 'deny', 'memory']

// What a fleet of simulated proxies and the program that started it say to each other.

export interface ProxyPlan {
  readonly id: string
  /** Hosts that it is only interested in; undefined: everything. */
  readonly scope: readonly string[] | undefined
  /** Names of its route tables. */
  readonly routes: readonly string[]
  /** How many resources there are for it. */
  readonly resources: number
}

export type FleetOrder =
  /** Answered when every proxy has everything. `address`: of the control plane, `host:port`. */
  | { readonly kind: 'connect'; readonly address: string; readonly proxies: readonly ProxyPlan[] }
  /** Answered when every proxy has been sent each of its route tables, counted from now. */
  | { readonly kind: 'routes' }
  /** Answered at once. */
  | { readonly kind: 'count' }

/** Of all proxies together. */
export interface FleetCount {
  readonly streams: number
  readonly responses: number
  /** Of resources. */
  readonly bytes: number
}

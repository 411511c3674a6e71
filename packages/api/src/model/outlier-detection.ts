/**
 * As Envoy's OutlierDetection. A failure is a reply with status Error, or none at all: the connection cannot be made or
 * breaks, the time is over, or the bytes make no sense.
 */
export interface OutlierDetectionConfig {
  /** Failures in a row before a host is ejected; 0: never. Default 5. */
  readonly consecutive5xx: number
  /** The same for requests that got no reply; default 5, of which nothing is enforced. */
  readonly consecutiveGatewayFailure: number
  /** The same with `splitExternalLocalOriginErrors`; default 5. */
  readonly consecutiveLocalOriginFailure: number
  /** Error replies are counted apart from requests that got no reply; default false. */
  readonly splitExternalLocalOriginErrors: boolean
  /** Between looks at all hosts; default 10,000. */
  readonly intervalMs: number
  /** Of the first ejection, with each further one as much longer; default 30,000. */
  readonly baseEjectionTimeMs: number
  /** At most; default 300,000, or the base time where that is more. */
  readonly maxEjectionTimeMs: number
  /** Ejections last longer by any time up to this; default 0. */
  readonly maxEjectionTimeJitterMs: number
  /** 0-100, default 10: of the hosts, how many may be ejected at once. */
  readonly maxEjectionPercent: number
  /** One may be in any case; default false. */
  readonly alwaysEjectOneHost: boolean
  /** A host that passes an active health check is back at once; default true. */
  readonly successfulActiveHealthCheckUnejectHost: boolean
  readonly successRate: {
    /** Default 5. */
    readonly minimumHosts: number
    /** In one interval, of a host that counts; default 100. */
    readonly requestVolume: number
    /** Thousandths of a standard deviation below the mean; default 1900. */
    readonly stdevFactor: number
  }
  readonly failurePercentage: {
    /** 0-100, default 85. */
    readonly threshold: number
    /** Default 5. */
    readonly minimumHosts: number
    /** In one interval, of a host that counts; default 50. */
    readonly requestVolume: number
  }
  /** 0-100: of what is detected, how much leads to an ejection. */
  readonly enforcing: Readonly<Record<EjectionCause, number>>
}

/** Why a host is ejected. `local`: of requests that got no reply. */
export type EjectionCause =
  | 'consecutive5xx'
  | 'consecutiveGatewayFailure'
  | 'consecutiveLocalOriginFailure'
  | 'successRate'
  | 'localOriginSuccessRate'
  | 'failurePercentage'
  | 'localOriginFailurePercentage'

/** Envoy's. */
export const DEFAULT_OUTLIER_DETECTION: OutlierDetectionConfig = {
  consecutive5xx: 5,
  consecutiveGatewayFailure: 5,
  consecutiveLocalOriginFailure: 5,
  splitExternalLocalOriginErrors: false,
  intervalMs: 10_000,
  baseEjectionTimeMs: 30_000,
  maxEjectionTimeMs: 300_000,
  maxEjectionTimeJitterMs: 0,
  maxEjectionPercent: 10,
  alwaysEjectOneHost: false,
  successfulActiveHealthCheckUnejectHost: true,
  successRate: { minimumHosts: 5, requestVolume: 100, stdevFactor: 1900 },
  failurePercentage: { threshold: 85, minimumHosts: 5, requestVolume: 50 },
  enforcing: {
    consecutive5xx: 100,
    consecutiveGatewayFailure: 0,
    consecutiveLocalOriginFailure: 100,
    successRate: 100,
    localOriginSuccessRate: 100,
    failurePercentage: 0,
    localOriginFailurePercentage: 0,
  },
}

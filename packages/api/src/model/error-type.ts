/** What kind of error a client is told, with the numbers that codecs know them by: those of the sdk, which the api does not use. */
export const ERROR_TYPES = {
  RouteNotFound: 0,
  ClusterNotFound: 1,
  NoHealthyUpstream: 2,
  BadResponse: 3,
  Unspecified: 4,
  OverLimit: 5,
  Timeout: 6,
  Denied: 7,
  Fault: 8,
} as const
export type ErrorTypeName = keyof typeof ERROR_TYPES

/** docs/traffic-actions.md names them. */
export const METADATA_LIMITS = {
  /** Characters of a value; what would be longer is not set, and counted. */
  valueLength: 16_384,
} as const

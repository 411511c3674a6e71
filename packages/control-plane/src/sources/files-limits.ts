export interface FilesLimits {
  /** 10,000. */
  readonly maxFiles: number
  /** Of one file; 16 MiB. */
  readonly maxFileBytes: number
  /** Of all files; 128 MiB. */
  readonly maxTotalBytes: number
  /** 100,000. */
  readonly maxResources: number
}

export const DEFAULT_FILES_LIMITS: FilesLimits = {
  maxFiles: 10_000,
  maxFileBytes: 16 * 1024 * 1024,
  maxTotalBytes: 128 * 1024 * 1024,
  maxResources: 100_000,
}

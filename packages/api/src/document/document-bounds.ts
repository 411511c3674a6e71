/** Bounds of one document after its aliases are expanded, so that no file can exhaust memory or stack. */
export const MAX_NODES = 1_000_000
export const MAX_DEPTH = 100

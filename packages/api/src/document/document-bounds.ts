/** Deeper documents are refused: reading them is recursive. */
export const MAX_DEPTH = 100
/** Values after aliases are expanded; JSON has none, so there the size of the file is the bound. */
export const MAX_NODES = 1_000_000

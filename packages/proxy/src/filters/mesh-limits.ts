/** Of each thread; docs/metrics.md has a row for each, and a test compares both. */
export const MESH_LIMITS = {
  /** Combinations of all labels of Istio, for each of which there are a counter and three histograms of 8 KiB. */
  series: 1_000,
  /** Milliseconds without a request, when all of them are used, after which those of a peer make room for others. */
  seriesMs: 3_600_000,
  /** Peers whose metadata stays decoded. */
  peers: 1_024,
  /** After so many milliseconds it is decoded anew: a pod keeps its id when its labels change. */
  freshMs: 60_000,
  /** Characters of the metadata of a peer in Base64. */
  metadataLength: 16_384,
  /** Characters of the id of a peer. */
  idLength: 512,
  /** Characters of what becomes the value of a label; names in Kubernetes have at most 253. */
  valueLength: 256,
} as const

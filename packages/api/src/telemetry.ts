/** What proxies and the control plane's live page share: the service by which traffic is reported, and its buckets. */
export {
  type ReportRequest,
  ReportRequestSchema,
  type ReportResponse,
  ReportResponseSchema,
  type RunningCodec,
  Telemetry,
  type TrafficSeries,
  TrafficSeriesSchema,
} from './gen/meltemi/v1/telemetry_pb.ts'

/** Most series that a report may have. */
export const MAX_SERIES = 1_000

/** Most codecs that a report may have. */
export const MAX_CODECS = 64

/** The values that close the buckets of `latency_counts`, in milliseconds; one more is open: 1/16 ms to 32.8 s, 8 to a doubling. */
export const LATENCY_BOUNDS_MS: readonly number[] = Array.from({ length: 153 }, (_, index) => 2 ** (index / 8 - 4))

import type { HistogramSnapshot } from './histogram-snapshot.ts'

export type MetricKind = 'counter' | 'gauge' | 'histogram'

/** Where one metric of one thread lies; plain data that goes to the main thread in a message. */
export interface MetricDefinition {
  readonly name: string
  readonly kind: MetricKind
  /** What it goes with, see GroupedRegistry; NO_GROUP: it stays. */
  readonly group: string
  /** Float64 cells, written by that thread only; empty for a histogram that has no records yet, which is told anew. */
  readonly segment: SharedArrayBuffer
  /** The same for the same segment of one thread, as a message makes a new object of it each time. */
  readonly segmentId: number
  /** The first of its cells. */
  readonly index: number
}

/** A thread holds this group no longer. */
export interface GroupReleased {
  readonly kind: 'released'
  readonly group: string
}

export const NO_GROUP = ''

export type MetricNews = MetricDefinition | GroupReleased

export type PublishMetric = (news: MetricNews) => void

/** One metric over all threads at one moment. */
export type MetricValue =
  | { readonly name: string; readonly kind: 'counter' | 'gauge'; readonly value: number }
  | { readonly name: string; readonly kind: 'histogram'; readonly histogram: HistogramSnapshot }

export interface MetricReader {
  /** Sorted by name; `accepts` leaves out the names it returns false for. */
  read(accepts?: (name: string) => boolean): MetricValue[]
}

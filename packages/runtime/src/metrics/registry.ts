/** Handles are looked up once, when a snapshot is built; using one costs an array store. */

export interface Counter {
  add(n: number): void
}

export interface Gauge {
  add(n: number): void
  set(value: number): void
}

export interface Histogram {
  /** In the unit that the name says, usually milliseconds; negative and NaN count as 0. */
  record(value: number): void
}

/** The metrics of one thread. Asking twice for one name gives the same cell. */
export interface MetricRegistry {
  /** `name` is Envoy's dotted form, for example `cluster.<name>.upstream_cx_total`. */
  counter(name: string): Counter
  gauge(name: string): Gauge
  histogram(name: string): Histogram
}

/** Metrics of things that come and go. */
export interface GroupedRegistry extends MetricRegistry {
  /** Begins the group, or shares it with those who hold it already. */
  hold(group: string): HeldMetrics
}

/** What is asked for here belongs to the group, and goes when all who hold the group, in all threads, have released it. */
export interface HeldMetrics extends MetricRegistry {
  /** Handles go on to work, but when the group is gone nobody sees what they count. */
  release(): void
}

export { type Clock, systemClock, type Timer } from './clock.ts'
export type { Counter, Gauge, Histogram, MetricRegistry } from './metrics/registry.ts'

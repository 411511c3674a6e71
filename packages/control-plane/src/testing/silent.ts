import { createLogger, type Logger, MergedRegistry, type MetricReader } from '@meltemi/runtime'

/** Metrics that nobody but the test reads. */
export function localMetrics(): MergedRegistry {
  return new MergedRegistry()
}

/** Of a counter or gauge; 0 when there is none. */
export function valueOf(metrics: MetricReader, name: string): number {
  const [metric] = metrics.read((each) => each === name)
  return metric !== undefined && metric.kind !== 'histogram' ? metric.value : 0
}

/** Takes lines, which the test may look at. */
export function memoryLogger(lines: string[] = []): Logger {
  return createLogger({ level: 'trace', destination: { write: (line: string) => void lines.push(line) } })
}

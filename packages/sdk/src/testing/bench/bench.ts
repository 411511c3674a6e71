import type { CodecDefinition, Side } from '../../codec.ts'
import type { Sample } from '../sample.ts'
import { type Measure, measure } from './measure.ts'
import { type Operation, type Runner, runnersOf } from './operations.ts'

/** One operation of one sample; time and bytes are those of one message. */
export interface BenchResult extends Measure {
  /** What was done. */
  readonly operation: Operation
  /** Messages of the sample that it was done to. */
  readonly messages: number
}

/** What came of one sample. */
export interface SampleBench {
  /** Of the sample. */
  readonly name: string
  /** Of the sample. */
  readonly side: Side
  /** Of one message, on average. */
  readonly messageBytes: number
  /** One for each operation that the codec and the sample have. */
  readonly results: readonly BenchResult[]
}

/** What a codec costs. */
export interface BenchReport {
  /** Name of the codec. */
  readonly codec: string
  /** In the order in which they were given. */
  readonly samples: readonly SampleBench[]
  /** Each operation over all samples: the mean of their messages. */
  readonly total: readonly BenchResult[]
}

/** How long to measure, and whom to tell. */
export interface BenchOptions {
  /** For each sample, all operations together; 1000 ms if nothing is said. */
  readonly forMs?: number
  /** Told of each sample when it is measured. */
  readonly onSample?: (sample: SampleBench) => void
}

/**
 * Measures what a codec costs per message: decode, encode, other ids, onError. Blocks its thread meanwhile. Throws
 * when a sample is not what it says it is.
 */
export function bench(
  definition: CodecDefinition,
  samples: readonly Sample[],
  options: BenchOptions = {},
): BenchReport {
  const { forMs = 1000, onSample } = options
  const prepared = samples.map((sample) => ({ sample, runners: prepare(definition, sample) }))
  const measured = prepared.map(({ sample, runners }) => {
    const one = benchSample(sample, runners, forMs)
    onSample?.(one)
    return one
  })
  return { codec: definition.name, samples: measured, total: totalOf(measured) }
}

function prepare(definition: CodecDefinition, sample: Sample): readonly Runner[] {
  try {
    return runnersOf(definition, sample)
  } catch (error: unknown) {
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(`${sample.side} sample "${sample.name}": ${message}`, { cause: error })
  }
}

function benchSample(sample: Sample, runners: readonly Runner[], forMs: number): SampleBench {
  const results = runners.map(({ operation, messages, run }) => {
    return { operation, messages, ...divided(measure(run, forMs / runners.length), messages) }
  })
  const messageBytes = sample.bytes.length / (sample.messages ?? 1)
  return { name: sample.name, side: sample.side, messageBytes, results }
}

function divided({ ns, bytes }: Measure, by: number): Measure {
  return { ns: { median: ns.median / by, min: ns.min / by, max: ns.max / by }, bytes: bytes / by }
}

function totalOf(samples: readonly SampleBench[]): BenchResult[] {
  const results = samples.flatMap((sample) => sample.results)
  return [...new Set(results.map(({ operation }) => operation))].map((operation) => {
    const same = results.filter((result) => result.operation === operation)
    const messages = same.reduce((sum, result) => sum + result.messages, 0)
    const mean = (of: (result: BenchResult) => number): number =>
      same.reduce((sum, result) => sum + of(result) * result.messages, 0) / messages
    const ns = { median: mean(({ ns }) => ns.median), min: mean(({ ns }) => ns.min), max: mean(({ ns }) => ns.max) }
    return { operation, messages, ns, bytes: mean(({ bytes }) => bytes) }
  })
}

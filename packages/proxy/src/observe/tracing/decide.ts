import type { TracingConfig } from '@meltemi/api/model'
import type { Random } from '../../util/random.ts'
import type { IncomingContext } from './incoming-context.ts'
import { type ParentContext, Sampled } from './parent-context.ts'
import { reasonOf, TraceReason } from './request-ids.ts'

const SHARES = 10_000
const PERCENTS = 100

/**
 * Whether, and why, a request is traced; `first` is the number of the id that it gets, where it has none.
 *
 *   the caller's own decision (traceparent, b3)  ─►  else that of the request's id  ─►  else, where the id is ours, drawn
 *
 * Where the id is ours, forced tracing comes before it all, and the overall share after it all.
 */
export function decide(
  config: TracingConfig,
  incoming: IncomingContext,
  parent: ParentContext | null,
  first: number,
  random: Random,
): TraceReason {
  const parentSampled = parent === null ? Sampled.Unknown : parent.sampled
  if (incoming.requestId !== '') {
    if (parentSampled === Sampled.Unknown) return reasonOf(incoming.requestId)
    return parentSampled === Sampled.Yes ? tracedReason(incoming.requestId) : TraceReason.None
  }
  const reason = draw(config, incoming, parentSampled, first, random)
  if (reason === TraceReason.None || parent?.isDebug) return reason
  return first % SHARES < config.overallSampling ? reason : TraceReason.None
}

function draw(
  config: TracingConfig,
  incoming: IncomingContext,
  parentSampled: Sampled,
  first: number,
  random: Random,
): TraceReason {
  if (incoming.clientTraceId !== '' && isChosen(config.clientSampling, random)) return TraceReason.Client
  if (incoming.forceTrace !== '') return TraceReason.Service
  if (parentSampled !== Sampled.Unknown) return parentSampled === Sampled.Yes ? TraceReason.Sampled : TraceReason.None
  return first % SHARES < config.randomSampling ? TraceReason.Sampled : TraceReason.None
}

/** The caller traces it: the id may say more of why, but nothing else. */
function tracedReason(requestId: string): TraceReason {
  const reason = reasonOf(requestId)
  return reason === TraceReason.None ? TraceReason.Sampled : reason
}

function isChosen(percent: number, random: Random): boolean {
  return percent >= PERCENTS || random.next() * PERCENTS < percent
}

import type { AccessLogFilter, MetadataMatcher } from '@meltemi/api/model'
import type { Metadata } from '@meltemi/sdk'
import type { Random } from '../../util/random.ts'
import { REQUEST_ID } from '../property-keys.ts'
import type { ExchangeRecord } from '../record.ts'
import { responseFlags } from '../response-flags.ts'
import { firstOf } from '../tracing/request-ids.ts'

/** Whether an exchange is logged. */
export type LogFilter = (record: ExchangeRecord) => boolean

export interface FilterParts {
  readonly random: Random
  /** Routes are compiled further up, and so are matchers. */
  compileMatcher(matcher: MetadataMatcher): { matches(metadata: Metadata): boolean }
}

export function compileLogFilter(filter: AccessLogFilter, parts: FilterParts): LogFilter {
  switch (filter.kind) {
    case 'constant':
      return () => filter.passes
    case 'and':
    case 'or':
      return compileAll(filter.kind, filter.filters, parts)
    case 'code':
      return comparison(filter, ({ failure, isClientGone }) => (failure === null && !isClientGone ? 0 : 1))
    case 'duration':
      return comparison(filter, ({ startedMs, endedMs }) => Math.floor(endedMs - startedMs))
    case 'traced':
      return ({ traceId }) => traceId !== ''
    case 'fraction':
      return compileFraction(filter, parts.random)
    case 'property':
      return compileProperty(filter, parts)
    case 'flags':
      return compileFlags(filter.flags)
    default:
      return filter satisfies never
  }
}

/** What it decides by, or a part of it, is the id of a request. */
export function readsRequestId(filter: AccessLogFilter): boolean {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return filter.filters.some(readsRequestId)
    case 'fraction':
      return !filter.isIndependent
    case 'property':
      return filter.of === 'request' && filter.matcher.name.toLowerCase() === REQUEST_ID
    default:
      return false
  }
}

function compileAll(kind: 'and' | 'or', filters: readonly AccessLogFilter[], parts: FilterParts): LogFilter {
  const all = filters.map((filter) => compileLogFilter(filter, parts))
  // the first one that says this decides
  const decides = kind === 'or'
  return (record) => {
    for (let at = 0; at < all.length; at++) if ((all[at] as LogFilter)(record) === decides) return decides
    return !decides
  }
}

function comparison(
  { op, value }: AccessLogFilter & { kind: 'code' | 'duration' },
  of: (record: ExchangeRecord) => number,
): LogFilter {
  switch (op) {
    case 'EQ':
      return (record) => of(record) === value
    case 'GE':
      return (record) => of(record) >= value
    case 'LE':
      return (record) => of(record) <= value
    default:
      return op satisfies never
  }
}

function compileFraction(filter: AccessLogFilter & { kind: 'fraction' }, random: Random): LogFilter {
  const { numerator, denominator, isIndependent } = filter
  return ({ request }) => {
    // all who see this request's id draw the same number
    const drawn = isIndependent ? -1 : firstOf(request.find(REQUEST_ID) ?? '')
    return (drawn < 0 ? random.u32() : drawn) % denominator < numerator
  }
}

function compileProperty(filter: AccessLogFilter & { kind: 'property' }, parts: FilterParts): LogFilter {
  const { of, passesMissing } = filter
  const matcher = parts.compileMatcher(filter.matcher)
  const name = filter.matcher.name.toLowerCase()
  return (record) => {
    const message = of === 'request' ? record.request : record.reply
    if (passesMissing !== undefined && message?.find(name) === undefined) return passesMissing
    return message !== null && matcher.matches(message)
  }
}

function compileFlags(flags: readonly string[]): LogFilter {
  const wanted = new Set(flags)
  return (record) => {
    const found = responseFlags(record)
    return found !== '' && (wanted.size === 0 || found.split(',').some((flag) => wanted.has(flag)))
  }
}

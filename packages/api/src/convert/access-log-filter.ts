import type { AccessLogFilter, MetadataMatcher } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertMatcher, convertStringMatch } from './match.ts'

/** The one kind of entry that we write: when an exchange is over. */
const LOG_TYPE = 'DownstreamEnd'
/** What a MetadataMatcher may name: the properties of messages are the only metadata that there is. */
const PROPERTIES: ReadonlyMap<string, 'request' | 'reply'> = new Map([
  ['aeraki.meta_protocol.request', 'request'],
  ['aeraki.meta_protocol.response', 'reply'],
])
const DENOMINATOR: Readonly<Record<string, number>> = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 }
const ALL: AccessLogFilter = { kind: 'constant', passes: true }

/** Reads an AccessLogFilter: which exchanges are logged. */
export function convertLogFilter(filter: ConfigMessage): AccessLogFilter {
  for (const [field, convert] of CONVERTERS) {
    const message = filter.message(field)
    if (message !== undefined) return convert(message)
  }
  return ALL
}

const CONVERTERS: ReadonlyMap<string, (message: ConfigMessage) => AccessLogFilter> = new Map([
  ['status_code_filter', (message) => convertComparison('code', message)],
  ['duration_filter', (message) => convertComparison('duration', message)],
  // health checks are heartbeats, which no log has
  ['not_health_check_filter', () => ALL],
  ['traceable_filter', () => ({ kind: 'traced' as const })],
  ['runtime_filter', convertFraction],
  ['and_filter', (message) => ({ kind: 'and' as const, filters: message.messages('filters').map(convertLogFilter) })],
  ['or_filter', (message) => ({ kind: 'or' as const, filters: message.messages('filters').map(convertLogFilter) })],
  ['header_filter', convertHeader],
  ['response_flag_filter', (message) => ({ kind: 'flags' as const, flags: message.texts('flags') })],
  ['metadata_filter', convertMetadata],
  ['log_type_filter', convertLogTypes],
])

function convertComparison(kind: 'code' | 'duration', owner: ConfigMessage): AccessLogFilter {
  const comparison = owner.message('comparison')
  const op = (comparison?.enumName('op') ?? 'EQ') as 'EQ' | 'GE' | 'LE'
  return { kind, op, value: comparison?.message('value')?.number('default_value') ?? 0 }
}

function convertFraction(filter: ConfigMessage): AccessLogFilter {
  const fraction = filter.message('percent_sampled')
  return {
    kind: 'fraction',
    numerator: fraction?.number('numerator') ?? 0,
    denominator: DENOMINATOR[fraction?.enumName('denominator') ?? ''] ?? 100,
    isIndependent: filter.flag('use_independent_randomness') ?? false,
  }
}

function convertHeader(filter: ConfigMessage): AccessLogFilter {
  const header = filter.message('header')
  if (header === undefined) return ALL
  return { kind: 'property', of: 'request', matcher: convertMatcher(header), passesMissing: undefined }
}

function convertMetadata(filter: ConfigMessage): AccessLogFilter {
  const matcher = filter.message('matcher')
  const passesMissing = filter.flag('match_if_key_not_found') ?? true
  if (matcher === undefined) return ALL
  const namespace = matcher.text('filter')
  const of = PROPERTIES.get(namespace)
  if (of === undefined && namespace !== '') {
    const known = [...PROPERTIES.keys()].join(', ')
    matcher.error('filter', `there is no metadata of ${JSON.stringify(namespace)}, known are: ${known}`)
  }
  return { kind: 'property', of: of ?? 'request', matcher: convertMetadataMatcher(matcher), passesMissing }
}

function convertMetadataMatcher(matcher: ConfigMessage): MetadataMatcher {
  const [segment, another] = matcher.messages('path')
  if (another !== undefined) another.problems.error(another, 'a property has no parts')
  return {
    name: segment?.text('key') ?? '',
    test: convertValue(matcher.message('value')),
    invert: matcher.flag('invert') ?? false,
    treatMissingAsEmpty: false,
  }
}

function convertValue(value: ConfigMessage | undefined): MetadataMatcher['test'] {
  if (value?.has('string_match')) return convertStringMatch(value.message('string_match'))
  return { kind: 'present', present: value?.flag('present_match') ?? true }
}

function convertLogTypes(filter: ConfigMessage): AccessLogFilter {
  const excludes = filter.flag('exclude') ?? false
  return { kind: 'constant', passes: filter.enumNames('types').includes(LOG_TYPE) !== excludes }
}

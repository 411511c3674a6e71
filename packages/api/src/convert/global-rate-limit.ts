import type {
  DescriptorConfig,
  DescriptorEntryConfig,
  GlobalRateLimitConfig,
  RateLimitUnitNumber,
} from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import type { ConvertContext } from './convert-context.ts'
import { convertGrpcService, refuseOldVersion } from './grpc-service.ts'
import { convertMatch, convertMatcher } from './match.ts'

/** As the reference documents it. */
const TIMEOUT_MS = 20
/** Of Envoy's actions. */
const GENERIC_KEY = 'generic_key'
const HEADER_MATCH = 'header_match'
const REMOTE_ADDRESS = 'remote_address'

const UNITS: ReadonlyMap<string, RateLimitUnitNumber> = new Map([
  ['SECOND', 1],
  ['MINUTE', 2],
  ['HOUR', 3],
  ['DAY', 4],
  ['MONTH', 5],
  ['YEAR', 6],
  ['WEEK', 7],
])

/** Reads the reference's RateLimit. */
export function convertGlobalRateLimit(limit: ConfigMessage, context: ConvertContext): GlobalRateLimitConfig {
  const service = limit.message('rate_limit_service')
  if (service !== undefined) refuseOldVersion(service, 'transport_api_version')
  const combined = limit.messages('combined_descriptors').map(convertCombined)
  const simple = limit.messages('descriptors').map(convertDescriptor)
  if (combined.length === 0 && simple.length === 0) limit.reportMissing('descriptors')
  return {
    match: convertMatch(limit.message('match')),
    domain: limit.text('domain'),
    grpcService: convertGrpcService(service?.message('grpc_service'), limit.durationMs('timeout'), TIMEOUT_MS, context),
    failureModeDeny: limit.flag('failure_mode_deny') ?? false,
    descriptors: [...simple, ...combined],
    hitsAddend: limit.number('hits_addend') ?? 0,
    statPrefix: limit.text('stat_prefix'),
  }
}

function convertDescriptor(descriptor: ConfigMessage): DescriptorConfig {
  const [property, key] = [descriptor.text('property'), descriptor.text('descriptor_key')]
  if (property === '') descriptor.reportMissing('property')
  return { entries: [{ kind: 'property', key, property, ignoreCase: false, isOptional: false }] }
}

function convertCombined(descriptor: ConfigMessage): DescriptorConfig {
  const limit = descriptor.message('limit')
  const hitsAddend = descriptor.bigint('hits_addend')
  return {
    entries: descriptor.messages('actions').flatMap((action) => convertAction(action) ?? []),
    ...(limit === undefined ? {} : { limit: convertLimit(limit) }),
    ...(hitsAddend === undefined ? {} : { hitsAddend }),
  }
}

function convertLimit(limit: ConfigMessage): NonNullable<DescriptorConfig['limit']> {
  const unit = UNITS.get(limit.enumName('unit'))
  if (unit === undefined) limit.error('unit', 'expected a unit such as SECOND')
  return { requestsPerUnit: limit.number('requests_per_unit') ?? 0, unit: unit ?? 1 }
}

/** An action that is none of these stays unread, and is refused. */
function convertAction(action: ConfigMessage): DescriptorEntryConfig | undefined {
  const header = action.message('request_headers')
  if (header !== undefined) {
    const [property, key] = [header.text('header_name'), header.text('descriptor_key')]
    return { kind: 'property', key, property, ignoreCase: true, isOptional: header.flag('skip_if_absent') ?? false }
  }
  if (action.message('remote_address') !== undefined) return { kind: 'remote-address', key: REMOTE_ADDRESS }
  const generic = action.message('generic_key')
  if (generic !== undefined) {
    const key = generic.text('descriptor_key') || GENERIC_KEY
    return { kind: 'constant', key, value: generic.text('descriptor_value') }
  }
  const match = action.message('header_value_match')
  if (match === undefined) return undefined
  return {
    kind: 'match',
    key: match.text('descriptor_key') || HEADER_MATCH,
    value: match.text('descriptor_value'),
    match: { metadata: match.messages('headers').map(convertMatcher) },
    expects: match.flag('expect_match') ?? true,
  }
}

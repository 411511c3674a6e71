import type { RbacCondition } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertStringMatch } from './match.ts'
import { addressCondition, NEVER, propertyCondition, refuseCondition, valueCondition } from './rbac-condition.ts'

/** Reads a Principal: who a client is. */
export function convertPrincipal(principal: ConfigMessage): RbacCondition {
  for (const [field, convert] of CONVERTERS) if (principal.has(field)) return convert(principal, field)
  return NEVER // a problem has been reported
}

type Convert = (principal: ConfigMessage, field: string) => RbacCondition

const CONVERTERS: ReadonlyMap<string, Convert> = new Map<string, Convert>([
  ['and_ids', (principal, field) => ({ kind: 'and', conditions: setOf(principal, field) })],
  ['or_ids', (principal, field) => ({ kind: 'or', conditions: setOf(principal, field) })],
  ['not_id', convertNot],
  ['any', convertAny],
  ['authenticated', convertAuthenticated],
  // as Envoy, the older one heeds the PROXY header
  ['source_ip', (principal, field) => addressCondition(principal, field, 'remote')],
  ['remote_ip', (principal, field) => addressCondition(principal, field, 'remote')],
  ['direct_remote_ip', (principal, field) => addressCondition(principal, field, 'direct')],
  ['header', propertyCondition],
  ['metadata', valueCondition],
  ['url_path', (principal, field) => refuseCondition(principal, field, 'messages have no path, name a property')],
  ['filter_state', (principal, field) => refuseCondition(principal, field, 'there is no state of filters')],
])

function setOf(principal: ConfigMessage, field: string): readonly RbacCondition[] {
  return (principal.message(field)?.messages('ids') ?? []).map(convertPrincipal)
}

function convertNot(principal: ConfigMessage, field: string): RbacCondition {
  const inner = principal.message(field)
  return inner === undefined ? NEVER : { kind: 'not', condition: convertPrincipal(inner) }
}

function convertAny(principal: ConfigMessage, field: string): RbacCondition {
  return principal.flag(field) === true ? { kind: 'any' } : NEVER
}

function convertAuthenticated(principal: ConfigMessage, field: string): RbacCondition {
  const name = principal.message(field)?.message('principal_name')
  return { kind: 'identity', match: name === undefined ? undefined : convertStringMatch(name) }
}

import type { RbacCondition } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertStringMatch } from './match.ts'
import { addressCondition, NEVER, propertyCondition, refuseCondition, valueCondition } from './rbac-condition.ts'

/** Reads a Permission: what a client wants. */
export function convertPermission(permission: ConfigMessage): RbacCondition {
  for (const [field, convert] of CONVERTERS) if (permission.has(field)) return convert(permission, field)
  return NEVER // a problem has been reported
}

type Convert = (permission: ConfigMessage, field: string) => RbacCondition

const CONVERTERS: ReadonlyMap<string, Convert> = new Map<string, Convert>([
  ['and_rules', (permission, field) => ({ kind: 'and', conditions: setOf(permission, field) })],
  ['or_rules', (permission, field) => ({ kind: 'or', conditions: setOf(permission, field) })],
  ['not_rule', convertNot],
  ['any', convertAny],
  ['header', propertyCondition],
  ['metadata', valueCondition],
  ['destination_ip', (permission, field) => addressCondition(permission, field, 'local')],
  ['destination_port', convertPort],
  ['destination_port_range', convertRange],
  ['requested_server_name', convertServerName],
  ['url_path', (permission, field) => refuseCondition(permission, field, 'messages have no path, name a property')],
])

function setOf(permission: ConfigMessage, field: string): readonly RbacCondition[] {
  return (permission.message(field)?.messages('rules') ?? []).map(convertPermission)
}

function convertNot(permission: ConfigMessage, field: string): RbacCondition {
  const inner = permission.message(field)
  return inner === undefined ? NEVER : { kind: 'not', condition: convertPermission(inner) }
}

function convertAny(permission: ConfigMessage, field: string): RbacCondition {
  return permission.flag(field) === true ? { kind: 'any' } : NEVER
}

function convertPort(permission: ConfigMessage, field: string): RbacCondition {
  const port = permission.number(field) ?? 0
  return { kind: 'port', start: port, end: port + 1 }
}

function convertRange(permission: ConfigMessage, field: string): RbacCondition {
  const range = permission.message(field)
  const start = range?.number('start') ?? 0
  const end = range?.number('end') ?? 0
  if (start >= end) range?.error('end', `no port is at least ${start} and less than ${end}`)
  return { kind: 'port', start, end }
}

function convertServerName(permission: ConfigMessage, field: string): RbacCondition {
  return { kind: 'server-name', match: convertStringMatch(permission.message(field)) }
}

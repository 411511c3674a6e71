import type { AuthorizationMatch, AuthorizationOperation, DubboOperation } from '@meltemi/api'
import { type Json, listed, permissions } from './condition-json.ts'
import { regex, valueMatch } from './value-match.ts'

/** A Permission that fits what all fields of an operation fit. */
export function operationPermission(operation: AuthorizationOperation): Json {
  const { attributes = {}, notAttributes = {}, ports, notPorts } = operation
  return permissions.all([
    ...Object.entries(attributes).map(([name, match]) => attribute(name, match)),
    ...Object.entries(notAttributes).map(([name, match]) => permissions.not(attribute(name, match))),
    ...listed(permissions, ports?.map(String), notPorts?.map(String), port),
  ])
}

/** The same of a call of Dubbo. */
export function dubboPermission({ interfaces, notInterfaces, methods, notMethods }: DubboOperation): Json {
  return permissions.all([
    ...listed(permissions, interfaces, notInterfaces, (value) => property('interface', value)),
    ...listed(permissions, methods, notMethods, (value) => property('method', value)),
  ])
}

/** That a property has a value, written as Istio does. */
export function property(name: string, value: string): Json {
  return header(name, { stringMatch: valueMatch(value) })
}

export function port(number: string): Json {
  return { destinationPort: Number(number) }
}

function attribute(
  name: string,
  { exact, prefix, suffix, regex: pattern, present, in: values }: AuthorizationMatch,
): Json {
  if (values !== undefined)
    return permissions.any(values.map((value) => header(name, { stringMatch: { exact: value } })))
  if (present !== undefined) return header(name, { presentMatch: present })
  if (prefix !== undefined) return header(name, { stringMatch: { prefix } })
  if (suffix !== undefined) return header(name, { stringMatch: { suffix } })
  if (pattern !== undefined) return header(name, { stringMatch: regex(pattern) })
  return header(name, { stringMatch: { exact: exact ?? '' } })
}

function header(name: string, match: Json): Json {
  return { header: { name, ...match } }
}

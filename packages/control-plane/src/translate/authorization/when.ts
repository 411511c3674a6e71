import type { AuthorizationCondition } from '@meltemi/api'
import { type Json, listed, permissions, principals, type Words } from './condition-json.ts'
import { port, property } from './operation.ts'
import { cidrOf, directAddress, namespacePrincipal, principalOf, remoteAddress } from './source.ts'
import { valueMatch } from './value-match.ts'

/** What a condition adds to every permission of its rule, and to every principal. */
export interface Added {
  readonly permissions: readonly Json[]
  readonly principals: readonly Json[]
}

const NAME_AT = 'request.attributes['.length

export function addedBy(condition: AuthorizationCondition, trustDomains: readonly string[]): Added {
  const { key } = condition
  switch (key) {
    case 'source.ip':
      return who(condition, directAddress)
    case 'remote.ip':
      return who(condition, remoteAddress)
    case 'source.namespace':
      return who(condition, namespacePrincipal)
    case 'source.principal':
      return who(condition, (value) => principalOf(value, trustDomains))
    case 'destination.ip':
      return what(condition, (value) => ({ destinationIp: cidrOf(value) }))
    case 'destination.port':
      return what(condition, port)
    case 'connection.sni':
      return what(condition, (value) => ({ requestedServerName: valueMatch(value) }))
    default:
      return what(condition, (value) => property(key.slice(NAME_AT, -1), value))
  }
}

function who(condition: AuthorizationCondition, one: (value: string) => Json): Added {
  return { permissions: [], principals: those(principals, condition, one) }
}

function what(condition: AuthorizationCondition, one: (value: string) => Json): Added {
  return { permissions: those(permissions, condition, one), principals: [] }
}

function those(words: Words, { values, notValues }: AuthorizationCondition, one: (value: string) => Json) {
  return listed(words, values, notValues, one)
}

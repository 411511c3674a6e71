import type { RbacCondition } from '@meltemi/api/model'
import { compileStringMatch } from '../../routing/match.ts'
import { IpRange } from '../../util/ip-address.ts'
import type { ClientFacts } from './client-facts.ts'

/** What is asked of a client: the same for all its requests. */
export type ClientCondition = Exclude<RbacCondition, { readonly kind: 'any' | 'and' | 'or' | 'not' | 'property' }>

/** Throws for a pattern that RE2 does not accept. */
export function compileClientCondition(condition: ClientCondition): (client: ClientFacts) => boolean {
  switch (condition.kind) {
    case 'address': {
      const { of, prefix, bits } = condition
      const range = new IpRange(prefix, bits)
      return (client) => range.has(client[of])
    }
    case 'port': {
      const { start, end } = condition
      return ({ localPort }) => localPort >= start && localPort < end
    }
    case 'server-name': {
      const test = compileStringMatch(condition.match)
      return ({ serverName }) => test(serverName)
    }
    case 'identity': {
      if (condition.match === undefined) return ({ isAuthenticated }) => isAuthenticated
      const test = compileStringMatch(condition.match)
      return ({ isAuthenticated, names }) => isAuthenticated && names.some(test)
    }
    default:
      return condition satisfies never
  }
}

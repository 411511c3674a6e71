import type { AuthorizationSource } from '@meltemi/api'
import { type Json, listed, principals } from './condition-json.ts'
import { namespaceMatch, valueMatch } from './value-match.ts'

/** A trust domain that stands for the own one, whatever its name is. */
const LOCAL = 'cluster.local'

/** A Principal that fits whoever all fields of a source fit. */
export function sourcePrincipal(source: AuthorizationSource, trustDomains: readonly string[]): Json {
  const name = (value: string) => principalOf(value, trustDomains)
  return principals.all([
    ...listed(principals, source.principals, source.notPrincipals, name),
    ...listed(principals, source.namespaces, source.notNamespaces, namespacePrincipal),
    ...listed(principals, source.ipBlocks, source.notIpBlocks, directAddress),
    ...listed(principals, source.remoteIpBlocks, source.notRemoteIpBlocks, remoteAddress),
  ])
}

/** `trustDomains`: the own one, and those that it has had or is also known by. */
export function principalOf(value: string, trustDomains: readonly string[]): Json {
  const slash = value.indexOf('/')
  const domain = value.slice(0, Math.max(slash, 0))
  const isOwn = domain === LOCAL || trustDomains.includes(domain)
  const names = isOwn ? trustDomains.map((each) => each + value.slice(slash)) : [value]
  return principals.any(names.map((name) => authenticated(valueMatch(name, 'spiffe://'))))
}

export function namespacePrincipal(namespace: string): Json {
  return authenticated(namespaceMatch(namespace))
}

/** Of whoever has connected. */
export function directAddress(block: string): Json {
  return { directRemoteIp: cidrOf(block) }
}

/** Of the client, as a PROXY header tells it. */
export function remoteAddress(block: string): Json {
  return { remoteIp: cidrOf(block) }
}

export function cidrOf(block: string): Json {
  const [addressPrefix = '', bits] = block.split('/')
  const all = addressPrefix.includes(':') ? 128 : 32
  return { addressPrefix, prefixLen: bits === undefined ? all : Number(bits) }
}

function authenticated(principalName: Json): Json {
  return { authenticated: { principalName } }
}

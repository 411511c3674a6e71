import { envoyProtocolOfPort, keyOf, type ResourcePath } from '@meltemi/api'
import type { AuthorizationPolicy, ServiceView, StatusNote } from '../../store/world.ts'

const IDENTITY_FIELDS = ['principals', 'notPrincipals', 'namespaces', 'notNamespaces'] as const
const IDENTITY_KEYS: ReadonlySet<string> = new Set(['source.principal', 'source.namespace'])

/** What policies ask for that the listeners of a service cannot tell. */
export function authorizationNotes(view: ServiceView): readonly StatusNote[] {
  return view.policies.flatMap((policy) => [...identityNotes(policy), ...plainPortNotes(view, policy)])
}

/** Proxies take connections in plain text here: nobody shows a certificate. */
function identityNotes(policy: AuthorizationPolicy): readonly StatusNote[] {
  return identityPaths(policy).map((path) => ({
    key: keyOf(policy),
    severity: 'warning',
    code: 'no-identity',
    path,
    message: 'clients come without TLS here, so no name and no namespace fits any of them',
    fix: 'use ipBlocks, or a proxy whose listener asks for certificates',
  }))
}

function identityPaths({ spec, kind }: AuthorizationPolicy): readonly ResourcePath[] {
  return (spec.rules ?? []).flatMap((rule, index): readonly ResourcePath[] => {
    const path = ['spec', 'rules', index]
    const sources = (rule.from ?? []).flatMap(({ source }, at) =>
      IDENTITY_FIELDS.filter((field) => source[field] !== undefined).map((field) => [
        ...path,
        'from',
        at,
        'source',
        field,
      ]),
    )
    const when = kind === 'MetaAuthorizationPolicy' && 'when' in rule ? (rule.when ?? []) : []
    const conditions = when.flatMap(({ key }, at) => (IDENTITY_KEYS.has(key) ? [[...path, 'when', at, 'key']] : []))
    return [...sources, ...conditions]
  })
}

/** What is no message of a known protocol cannot be looked into, and a policy of Dubbo knows no other. */
function plainPortNotes({ host, ports }: ServiceView, policy: AuthorizationPolicy): readonly StatusNote[] {
  const isOfDubbo = policy.kind === 'DubboAuthorizationPolicy'
  return ports
    .filter(({ protocol }) => protocol === undefined || (isOfDubbo && protocol.name !== 'dubbo'))
    .map(({ name, number, protocol }) => ({
      key: keyOf(policy),
      severity: 'warning',
      code: 'no-effect',
      path: ['spec'],
      message:
        protocol === undefined
          ? `port ${number} of ${host} is plain TCP${elsewhere(name)}, where no policy is kept to: anybody can use it`
          : `port ${number} of ${host} speaks ${protocol.name}, where no policy of Dubbo is kept to`,
      fix:
        protocol === undefined
          ? 'name the port by its protocol, tcp-metaprotocol-<protocol>, or take it away'
          : 'write a MetaAuthorizationPolicy',
    }))
}

/** Proxies of Istio may know the protocol, and are told of policies by EnvoyFilters. */
function elsewhere(portName: string): string {
  return envoyProtocolOfPort(portName) === 'dubbo' ? " to Meltemi's proxies" : ''
}

import type { PropertyChange, RouteConfig, RouteTableConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import type { ConvertContext } from './convert-context.ts'
import { convertFilterAction } from './direct-response.ts'
import { convertOverrides } from './filter-overrides.ts'
import { convertMatcher } from './match.ts'
import { convertMirrorPolicies } from './mirror-policies.ts'
import { convertRequestBuffer } from './request-buffer.ts'
import { convertRetries } from './retry-policy.ts'
import { convertClusterChoice, convertClusterKey } from './weighted-clusters.ts'

const CHANGES = ['request', 'response'].flatMap((side) => [`${side}_headers_to_add`, `${side}_headers_to_remove`])
const APPEND = 'APPEND_IF_EXISTS_OR_ADD'
const OVERWRITE = 'OVERWRITE_IF_EXISTS_OR_ADD'

/**
 * Reads Envoy's RouteConfiguration for HTTP, which carries the routes of any protocol over xDS: headers are keys of the
 * metadata, and what has no meaning without HTTP (paths, domains) must be as general as can be.
 */
export function convertHttpRoutes(table: ConfigMessage, context: ConvertContext): RouteTableConfig {
  const hosts = table.messages('virtual_hosts')
  if (hosts.length !== 1) table.error('virtual_hosts', `expected exactly one virtual host, got ${hosts.length}`)
  return { name: table.text('name'), routes: hosts.flatMap((host) => convertHost(host, context)) }
}

function convertHost(host: ConfigMessage, context: ConvertContext): readonly RouteConfig[] {
  const domains = host.texts('domains')
  if (host.has('domains') && (domains.length !== 1 || domains[0] !== '*'))
    host.error('domains', `expected only "*", got ${JSON.stringify(domains)}`)
  const routes = host.messages('routes')
  if (routes.length === 0) host.reportMissing('routes')
  return routes.map((route) => convertRoute(route, context))
}

function convertRoute(route: ConfigMessage, context: ConvertContext): RouteConfig {
  const action = route.message('route')
  const directResponse = convertFilterAction(route, CHANGES)
  return {
    name: route.text('name'),
    match: { metadata: convertMatch(route.message('match')) },
    clusters: action === undefined ? [] : convertClusterChoice(action, context),
    hashPolicy: (action?.messages('hash_policy') ?? []).map(
      (policy) => policy.message('header')?.text('header_name') ?? '',
    ),
    mirrors: action === undefined ? [] : convertMirrorPolicies(action, context),
    // HTTP's own default of 15 s is for HTTP: here the listener has one
    timeoutMs: action?.durationMs('timeout'),
    ...(action === undefined ? {} : convertRetries(action)),
    ...convertRequestBuffer(route),
    requestMutation: convertChanges(route, 'request'),
    responseMutation: convertChanges(route, 'response'),
    ...convertClusterKey(action),
    ...(directResponse === undefined ? {} : { directResponse }),
    ...convertOverrides(route, context),
  }
}

function convertMatch(match: ConfigMessage | undefined): RouteConfig['match']['metadata'] {
  const prefix = match?.text('prefix') ?? ''
  if (prefix !== '' && prefix !== '/') match?.error('prefix', `expected "/", for there is no path, got "${prefix}"`)
  return (match?.messages('headers') ?? []).map(convertMatcher)
}

function convertChanges(route: ConfigMessage, side: 'request' | 'response'): readonly PropertyChange[] {
  const set = route.messages(`${side}_headers_to_add`).flatMap((option) => {
    const action = option.enumName('append_action')
    if (action !== APPEND && action !== OVERWRITE) option.error('append_action', `${action} is not supported`)
    const header = option.message('header')
    return header === undefined ? [] : [{ key: header.text('key'), value: header.text('value') }]
  })
  const removed = route.texts(`${side}_headers_to_remove`).map((key) => ({ key, value: undefined }))
  return [...set, ...removed]
}

import type { PropertyChange, RouteConfig, RouteTableConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import type { CodecRule } from './convert-context.ts'
import { convertDirectResponse } from './direct-response.ts'
import { convertOverrides, type OverrideContext } from './filter-overrides.ts'
import { convertMatch } from './match.ts'
import { convertMirrorPolicies } from './mirror-policies.ts'
import { convertRequestBuffer } from './request-buffer.ts'
import { convertRetries } from './retry-policy.ts'
import { convertClusterChoice, convertClusterKey } from './weighted-clusters.ts'

const CHANGES = ['request_mutation', 'response_mutation', 'request_remove', 'response_remove']

export interface RouteContext extends OverrideContext {
  /** undefined: the codec is not known, so nothing about it is checked. */
  readonly codec: { readonly name: string; readonly rule: CodecRule } | undefined
}

/** Reads a RouteConfiguration of the meta protocol. */
export function convertRouteTable(table: ConfigMessage, context: RouteContext): RouteTableConfig {
  return { name: table.text('name'), routes: table.messages('routes').map((route) => convertRoute(route, context)) }
}

function convertRoute(route: ConfigMessage, context: RouteContext): RouteConfig {
  const action = route.message('route')
  const directResponse = convertDirectResponse({ route, action, changes: CHANGES })
  return {
    name: route.text('name'),
    match: convertMatch(route.message('match')),
    clusters: action === undefined ? [] : convertClusterChoice(action, context),
    hashPolicy: action?.texts('hash_policy') ?? [],
    mirrors: action === undefined ? [] : convertMirrorPolicies(action, context),
    timeoutMs: action?.durationMs('timeout'),
    ...(action === undefined ? {} : convertRetries(action)),
    ...convertRequestBuffer(route),
    requestMutation: convertMutation(route, 'request', context),
    responseMutation: convertMutation(route, 'response', context),
    ...convertClusterKey(action),
    ...(directResponse === undefined ? {} : { directResponse }),
    ...(action === undefined ? {} : convertOverrides(action, context)),
  }
}

function convertMutation(
  route: ConfigMessage,
  side: 'request' | 'response',
  context: RouteContext,
): readonly PropertyChange[] {
  const [set, remove] = [`${side}_mutation`, `${side}_remove`]
  refuseImpossible(route, side, context)
  const changes = route.messages(set).map((entry) => ({ key: entry.text('key'), value: entry.text('value') }))
  return [...changes, ...route.texts(remove).map((key) => ({ key, value: undefined }))]
}

function refuseImpossible(route: ConfigMessage, side: 'request' | 'response', { codec }: RouteContext): void {
  if (codec === undefined || codec.rule.mutation === side || codec.rule.mutation === 'both') return
  for (const field of [`${side}_mutation`, `${side}_remove`]) {
    if (route.has(field)) route.error(field, `codec ${codec.name} cannot change ${side}s`)
  }
}

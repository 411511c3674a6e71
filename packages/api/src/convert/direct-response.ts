import type { DirectResponse, ErrorTypeName } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

const TYPE = 'meltemi.v1.DirectResponse'
/** What only a request that goes to a service can have. */
const OF_SERVICES = [
  'hash_policy',
  'request_mirror_policies',
  'timeout',
  'retry_policy',
  'hedge_policy',
  'metadata_match',
]

/** Of a route whose field for it is set; `changes`: fields of the route that change messages. */
export interface AnsweringRoute {
  readonly route: ConfigMessage
  readonly action: ConfigMessage | undefined
  readonly changes: readonly string[]
}

/** Field `direct_response` of our route's action; undefined: a service answers. */
export function convertDirectResponse(parts: AnsweringRoute): DirectResponse | undefined {
  const { route, action, changes } = parts
  const response = action?.message('direct_response')
  if (action === undefined || response === undefined) return undefined
  const useless = [...refuseAll(action, OF_SERVICES), ...refuseAll(route, changes)]
  if (useless.length > 0) action.error('direct_response', noEffect(useless))
  return readResponse(response)
}

/** The same in the carrier of routes, whose own `direct_response` is an answer of HTTP: field `filter_action`. */
export function convertFilterAction(route: ConfigMessage, changes: readonly string[]): DirectResponse | undefined {
  const filterAction = route.message('filter_action')
  if (filterAction === undefined) return undefined
  const action = filterAction.any('action')
  if (action === undefined) {
    filterAction.reportMissing('action')
    return undefined
  }
  if (action.typeName !== TYPE || action.message === undefined) {
    route.problems.refuse(action, `expected a ${TYPE}, got a ${action.typeName}`)
    return undefined
  }
  const useless = refuseAll(route, changes)
  if (useless.length > 0) route.error('filter_action', noEffect(useless))
  return readResponse(action.message)
}

/** Those of these fields that are set. */
function refuseAll(owner: ConfigMessage, fields: readonly string[]): readonly string[] {
  const found = fields.filter((field) => owner.has(field))
  for (const field of found) owner.error(field, 'has no meaning where the proxy itself answers')
  return found
}

function noEffect(fields: readonly string[]): string {
  return `the proxy itself answers, so there is no use for ${fields.join(', ')}`
}

function readResponse(response: ConfigMessage): DirectResponse {
  return {
    errorType: (response.text('error_type') || 'Unspecified') as ErrorTypeName,
    message: response.text('message'),
  }
}

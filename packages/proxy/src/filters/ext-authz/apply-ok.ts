import { HeaderAppendAction, type HeaderValueOption, type OkHttpResponse } from '@meltemi/api/ext-authz'
import { canChange } from '../can-change.ts'
import type { RouterContext } from '../router/router-context.ts'

const SEPARATOR = ','

/**
 * What the service changes of a request that it lets pass: routes see it, and the service behind them as far as the codec
 * can change requests; of its reply the client, likewise.
 */
export function applyOk(
  context: RouterContext,
  { headers, headersToRemove, responseHeadersToAdd }: OkHttpResponse,
): void {
  for (const key of headersToRemove) removeProperty(context, key)
  for (const option of headers) addProperty(context, option)
  if (!canChange(context, 'response')) return
  for (const { header } of responseHeadersToAdd) {
    if (header !== undefined && header.key !== '') context.mutateReply(header.key, header.value)
  }
}

/** Under whatever case the client has written it. */
function removeProperty(context: RouterContext, key: string): void {
  const { request } = context
  const lower = key.toLowerCase()
  for (let at = request.size - 1; at >= 0; at--) {
    const name = request.key(at)
    if (name.toLowerCase() !== lower) continue
    request.delete(name)
    if (canChange(context, 'request')) context.mutateRequest(name, undefined)
  }
}

function addProperty(context: RouterContext, option: HeaderValueOption): void {
  const { header } = option
  if (header === undefined || header.key === '') return
  const before = context.request.find(header.key.toLowerCase())
  const value = valueOf(option, header.value, before)
  if (value === undefined) return
  // a client that has written the key otherwise is not to have its own way
  removeProperty(context, header.key)
  context.request.set(header.key, value)
  if (canChange(context, 'request')) context.mutateRequest(header.key, value)
}

/** As Envoy's filter: without `append` the value replaces what is there. undefined: it stays as it is. */
function valueOf({ append, appendAction }: HeaderValueOption, value: string, before: string | undefined) {
  if (append === true) return before === undefined ? value : before + SEPARATOR + value
  const { ADD_IF_ABSENT, OVERWRITE_IF_EXISTS } = HeaderAppendAction
  if (appendAction === ADD_IF_ABSENT && before !== undefined) return undefined
  if (appendAction === OVERWRITE_IF_EXISTS && before === undefined) return undefined
  return value
}

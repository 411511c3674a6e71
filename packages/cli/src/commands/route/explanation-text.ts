import type { DirectResponse, PropertyChange } from '@meltemi/api'
import type { ClusterShare, HashKey, RouteEffect, RouteExplanation, RouteLoss } from '@meltemi/proxy'
import { quoteText } from '../../capture/plain-text.ts'
import { propertiesText } from '../../capture/text-report.ts'

export interface Explained {
  /** As its clients call it. */
  readonly service: { readonly host: string; readonly port: number }
  readonly request: ReadonlyMap<string, string>
  /** Milliseconds; where the route says nothing. */
  readonly listenerTimeoutMs: number
  readonly explanation: RouteExplanation
}

const LABEL_WIDTH = 9

/** The route that wins with what it does, then each other one with the reason why it does not. */
export function explanationText(explained: Explained): string {
  const { service, request, explanation } = explained
  const { table, routes, winner, effect } = explanation
  const lines = [
    field('service', `${quoteText(service.host)} port ${service.port}`),
    field('table', `${quoteText(table)}, ${routes.length} route${routes.length === 1 ? '' : 's'}`),
    field('request', propertiesText(request).join(' ') || 'nothing to match'),
    '',
    ...(effect === undefined
      ? [NO_ROUTE]
      : [`route ${nameOf(explanation, winner)} wins`, ...effectLines(explained, effect)]),
    ...routes.flatMap(({ loss }, at) =>
      loss === undefined ? [] : [`route ${nameOf(explanation, at)} ${lossText(loss, explanation)}`],
    ),
  ]
  return `${lines.join('\n')}\n`
}

const NO_ROUTE = 'no route matches: the client is told "no matched route"'

function field(label: string, value: string): string {
  return `${label.padEnd(LABEL_WIDTH)} ${value}`
}

/** Names need not be there, and need not differ. */
function nameOf({ routes }: RouteExplanation, at: number): string {
  const name = routes[at]?.name ?? ''
  return name === '' ? `#${at + 1}` : `#${at + 1} ${quoteText(name)}`
}

function lossText(loss: RouteLoss, explanation: RouteExplanation): string {
  if (loss.kind === 'later') return `matches too, but stands behind ${nameOf(explanation, explanation.winner)}`
  const found = loss.found === undefined ? 'is not there' : `is ${JSON.stringify(loss.found)}`
  return `does not match: ${quoteText(loss.key)} ${found}, wanted is ${loss.wanted}`
}

function effectLines({ listenerTimeoutMs }: Explained, effect: RouteEffect): string[] {
  const filters = block('filter', effect.overrides.map(filterText))
  if (effect.directResponse !== undefined) return [...block('answer', [answerText(effect.directResponse)]), ...filters]
  return [
    ...block('cluster', clusterLines(effect)),
    ...block('mirror', effect.mirrors.map(shareText)),
    ...block('hash', hashLines(effect)),
    ...block('timeout', [timeoutText(effect.timeoutMs, listenerTimeoutMs)]),
    ...block('retries', retryLines(effect)),
    ...block('request', effect.requestChanges.map(changeText)),
    ...block('reply', effect.responseChanges.map(changeText)),
    ...filters,
  ]
}

function answerText({ errorType, message }: DirectResponse): string {
  return `${errorType} ${JSON.stringify(message)}, of the proxy itself`
}

/** Where the message names the cluster, it may not say it. */
function clusterLines({ clusters, clusterKey }: RouteEffect): string[] {
  if (clusterKey === undefined) return clusters.map(shareText)
  const [named] = clusters
  return [
    named === undefined
      ? `none: ${quoteText(clusterKey)} is not there`
      : `${quoteText(named.cluster)}, by ${quoteText(clusterKey)}`,
  ]
}

function filterText({ filter, isOff }: RouteEffect['overrides'][number]): string {
  return `${quoteText(filter)} ${isOff ? 'is off' : 'as the route has it'}`
}

function block(label: string, values: readonly string[]): string[] {
  return values.map((value, at) => `  ${field(at === 0 ? label : '', value)}`)
}

function shareText({ cluster, percent }: ClusterShare): string {
  return `${quoteText(cluster)} ${Number(percent.toFixed(4))} %`
}

function hashLines({ hashKeys, hash }: RouteEffect): string[] {
  if (hashKeys.length === 0) return []
  return [...hashKeys.map(keyText), hash === undefined ? 'no hash: the load balancer chooses' : `hash ${hash}`]
}

function keyText({ key, value }: HashKey): string {
  return `${quoteText(key)} ${value === undefined ? 'is not there, and does not count' : `is ${JSON.stringify(value)}`}`
}

function timeoutText(timeoutMs: number | undefined, listenerMs: number): string {
  const effective = timeoutMs ?? listenerMs
  return `${effective === 0 ? 'none' : `${effective} ms`}${timeoutMs === undefined ? ', of the listener' : ''}`
}

function retryLines({ retry, hedge }: RouteEffect): string[] {
  if (retry === undefined) return []
  const { numRetries, retryOn, perTryTimeoutMs } = retry
  const lines = [`${numRetries} after ${retryOn.join(', ') || 'nothing'}`]
  if (perTryTimeoutMs > 0) lines.push(`each try has ${perTryTimeoutMs} ms`)
  if (hedge !== undefined) lines.push(`${hedge.initialRequests} tries at once`)
  return lines
}

function changeText({ key, value }: PropertyChange): string {
  return value === undefined ? `remove ${quoteText(key)}` : `set ${quoteText(key)} to ${JSON.stringify(value)}`
}

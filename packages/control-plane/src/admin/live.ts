/** `/live` and `/live/history`: what the page shows. */

import { formatProblem } from '@meltemi/api'
import { SLOT_MS } from '../telemetry/traffic-series.ts'
import type { TrafficStore } from '../telemetry/traffic-store.ts'
import { type ApiHandler, jsonReply } from './api-request.ts'
import type { Backend, StoredResource } from './backend.ts'
import { mergeStreams, type ProxyReport } from './merge-streams.ts'
import { badRequest } from './status-error.ts'

/** Of each list; more are only counted. */
const MAX_SHOWN = 500

export interface LiveParts {
  readonly backend: Backend
  readonly traffic: TrafficStore
  readonly version: string
}

export function liveHandler(parts: LiveParts): ApiHandler {
  return ({ method, path, query }) => {
    if (method !== 'GET' || path[0] !== 'live') return undefined
    if (path.length === 1) return jsonReply(liveReport(parts))
    if (path.length > 2 || path[1] !== 'history') return undefined
    const service = query.get('service') ?? ''
    if (service === '') throw badRequest('service: expected the host of a service')
    return jsonReply({ nowMs: Date.now(), slotMs: SLOT_MS, histories: parts.traffic.histories(service) })
  }
}

/** Numbers that are not there are null. */
function liveReport({ backend, traffic, version }: LiveParts): unknown {
  const resources = backend.resources()
  const proxies = mergeStreams(backend.proxies())
  return {
    version,
    isReady: backend.isReady(),
    traffic: traffic.rows().slice(0, MAX_SHOWN),
    proxies: { total: proxies.length, shown: proxies.slice(0, MAX_SHOWN).map(proxyRow) },
    resources: { total: resources.size, shown: worstFirst(resources.values()).map(resourceRow) },
    problems: backend.problems().slice(0, MAX_SHOWN).map(formatProblem),
  }
}

function proxyRow({ node, connectedAt, types }: ProxyReport): unknown {
  return {
    id: node.id,
    userAgent: node.userAgent,
    connectedAt,
    types: types.map(({ type, state, error }) => ({ type, state, error })),
  }
}

function resourceRow({ resource, status, origin }: StoredResource): unknown {
  const { kind, metadata } = resource
  const accepted = status.conditions.find(({ type }) => type === 'Accepted')
  return {
    kind,
    namespace: metadata.namespace,
    name: metadata.name,
    isAccepted: accepted?.status === 'True',
    reason: accepted?.reason ?? '',
    message: accepted?.message ?? '',
    proxies: status.proxies,
    origin,
  }
}

/** What is wrong must not be what is cut off. */
function worstFirst(resources: Iterable<StoredResource>): readonly StoredResource[] {
  const bad: StoredResource[] = []
  const good: StoredResource[] = []
  for (const stored of resources) {
    const list = stored.status.conditions.some(({ status }) => status === 'False') ? bad : good
    if (list.length < MAX_SHOWN) list.push(stored)
  }
  return [...bad, ...good].slice(0, MAX_SHOWN)
}

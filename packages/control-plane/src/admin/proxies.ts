/** `/proxies` and `/proxies/<id>/config`: who is connected, and what each was sent. */

import { xdsToJson } from '@meltemi/api/encode'
import type { ResourceType } from '@meltemi/api/xds'
import type { RunningCodec, RunningCodecs } from '../telemetry/running-codecs.ts'
import { type ApiHandler, type ApiReply, type ApiRequest, jsonReply } from './api-request.ts'
import type { Backend, Snapshot } from './backend.ts'
import { mergeStreams, type ProxyReport } from './merge-streams.ts'
import { badRequest, StatusError } from './status-error.ts'

const CONFIG_TYPES: ReadonlyMap<string, ResourceType> = new Map([
  ['clusters', 'cluster'],
  ['endpoints', 'endpoint'],
  ['listeners', 'listener'],
  ['routes', 'route'],
])

/** The JSON of `/proxies/<id>/config`. */
export interface ProxyConfigReport {
  readonly proxy: string
  readonly type: string
  /** Of the snapshot. */
  readonly version: string
  /** In the order of their names; `config` in the proto3 JSON of Envoy's message. */
  readonly resources: readonly { readonly name: string; readonly version: string; readonly config: unknown }[]
}

export interface ProxiesParts {
  readonly backend: Backend
  readonly codecs: RunningCodecs
}

export function proxiesHandler({ backend, codecs }: ProxiesParts): ApiHandler {
  return (request) => {
    const [root, id, page, ...more] = request.path
    if (root !== 'proxies' || request.method !== 'GET' || more.length > 0) return undefined
    if (id === undefined) return jsonReply({ proxies: withCodecs(mergeStreams(backend.proxies()), codecs) })
    return page === 'config' ? configOf(id, request, backend) : undefined
  }
}

/** With the codecs that each runs and that did not come with it; absent: it has not reported any. */
function withCodecs(proxies: readonly ProxyReport[], codecs: RunningCodecs): readonly unknown[] {
  const byNode: ReadonlyMap<string, readonly RunningCodec[]> = codecs.byNode()
  return proxies.map((proxy) => ({ ...proxy, codecs: byNode.get(proxy.node.id) }))
}

function configOf(id: string, { query }: ApiRequest, backend: Backend): ApiReply {
  const name = query.get('type') ?? ''
  const type = CONFIG_TYPES.get(name)
  if (type === undefined) throw badRequest(`type: expected one of ${[...CONFIG_TYPES.keys()].join(', ')}`)
  const snapshot = backend.snapshotOf(id)
  if (snapshot === undefined)
    throw new StatusError(404, 'NotFound', `proxies "${id}" not found`, { kind: 'proxies', name: id })
  return jsonReply(reportOf(id, name, type, snapshot))
}

function reportOf(proxy: string, name: string, type: ResourceType, snapshot: Snapshot): ProxyConfigReport {
  const sorted = [...snapshot.resources[type].values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  const resources = sorted.map((resource) => ({
    name: resource.name,
    version: resource.version,
    config: xdsToJson(type, resource.value),
  }))
  return { proxy, type: name, version: snapshot.version, resources }
}

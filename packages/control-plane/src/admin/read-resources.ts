/** GET: one resource, a list, or a watch; as JSON objects, or as rows of a table for those who ask for it. */

import { apiVersionOf, resourceKey } from '@meltemi/api'
import type { ApiPath } from './api-path.ts'
import { type ApiReply, type ApiRequest, jsonReply } from './api-request.ts'
import type { Backend, StoredResource } from './backend.ts'
import type { EventLog } from './event-log.ts'
import { listReply } from './list-reply.ts'
import { resourceToJson } from './resource-json.ts'
import { ResourceSelection } from './resource-selection.ts'
import { notFound } from './status-error.ts'
import { TablePrinter } from './table.ts'
import { watchResources } from './watch-resources.ts'

export interface ReadParts {
  readonly backend: Backend
  readonly log: EventLog
}

/** Throws a StatusError for what is not there, and for parameters that cannot be read. */
export function readResources(parts: ReadParts, path: ApiPath, request: ApiRequest): ApiReply {
  const asTable = wantsTable(request.accept)
  if (isTrue(request.query.get('watch'))) return watch(parts, path, request)
  if (path.name !== '') return readOne(parts, path, asTable)
  const stored = new ResourceSelection(path, request.query).list(parts.backend)
  if (asTable) return tableReply(path, stored, parts.log.revision)
  const head = {
    kind: `${path.kind.kind}List`,
    apiVersion: apiVersionOf(path.kind, path.version),
    metadata: { resourceVersion: String(parts.log.revision) },
  }
  return listReply(head, 'items', stored, (one) => resourceToJson(one, path.version))
}

function tableReply({ kind }: ApiPath, stored: readonly StoredResource[], revision: number): ApiReply {
  const printer = new TablePrinter(kind)
  const nowMs = Date.now()
  return listReply({ ...printer.head(revision) }, 'rows', stored, (one) => printer.row(one, nowMs))
}

function readOne({ backend, log }: ReadParts, path: ApiPath, asTable: boolean): ApiReply {
  const { kind, namespace, name, version } = path
  const stored = backend.resources().get(resourceKey(kind.kind, namespace, name))
  if (stored === undefined) throw notFound(kind, name)
  return asTable ? tableReply(path, [stored], log.revision) : jsonReply(resourceToJson(stored, version))
}

function watch({ backend, log }: ReadParts, path: ApiPath, { query, accept }: ApiRequest): ApiReply {
  const selection = new ResourceSelection(path, query)
  return watchResources({
    backend,
    log,
    selection,
    query,
    show: wantsTable(accept) ? showRow(path, log) : showObject(path),
  })
}

function showObject({ version }: ApiPath): (stored: StoredResource) => unknown {
  return (stored) => resourceToJson(stored, version)
}

/** Each as a table of its own. */
function showRow({ kind }: ApiPath, log: EventLog): (stored: StoredResource) => unknown {
  const printer = new TablePrinter(kind)
  return (stored) => ({ ...printer.head(log.revision), rows: [printer.row(stored, Date.now())] })
}

function isTrue(text: string | null): boolean {
  return text === 'true' || text === '1'
}

/** `application/json;as=Table;v=v1;g=meta.k8s.io`, as kubectl asks first. */
function wantsTable(accept: string): boolean {
  return accept.split(',').some((type) => /;\s*as=Table\b/.test(type) && /;\s*v=v1\b/.test(type))
}

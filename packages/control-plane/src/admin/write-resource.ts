/** POST, PUT and DELETE of one resource. */

import { type Problem, resourceKey } from '@meltemi/api'
import type { ApiPath } from './api-path.ts'
import { type ApiReply, type ApiRequest, type BodyReply, jsonReply } from './api-request.ts'
import type { Backend, ResourceWrite, StoredResource, WriteOutcome } from './backend.ts'
import { readDeleteOptions } from './delete-options.ts'
import { readResource } from './read-resource.ts'
import { resourceToJson } from './resource-json.ts'
import {
  alreadyExists,
  badRequest,
  causeOf,
  conflict,
  invalid,
  notFound,
  success,
  unavailable,
} from './status-error.ts'

/** Throws a StatusError for everything that is not done. */
export async function createResource(backend: Backend, path: ApiPath, request: ApiRequest): Promise<ApiReply> {
  const { resource, warnings } = readResource(request.body, path)
  const write: ResourceWrite = { kind: 'create', resource, isDryRun: isDryRun(request.query) }
  const stored = await perform(backend, { ...path, name: resource.metadata.name }, write)
  return withWarnings(jsonReply(resourceToJson(stored, path.version), 201), warnings)
}

/** Throws a StatusError for everything that is not done. */
export async function replaceResource(backend: Backend, path: ApiPath, request: ApiRequest): Promise<ApiReply> {
  const { resource, warnings } = readResource(request.body, path)
  const expectedVersion = resource.metadata.resourceVersion
  const stored = await perform(backend, path, {
    kind: 'replace',
    resource,
    expectedVersion,
    isDryRun: isDryRun(request.query),
  })
  return withWarnings(jsonReply(resourceToJson(stored, path.version)), warnings)
}

/** Throws a StatusError for everything that is not done. */
export async function deleteResource(backend: Backend, path: ApiPath, request: ApiRequest): Promise<ApiReply> {
  const { kind, namespace, name } = path
  const options = readDeleteOptions(request.body)
  await perform(backend, path, {
    kind: 'delete',
    key: resourceKey(kind.kind, namespace, name),
    expectedVersion: options.expectedVersion,
    isDryRun: options.isDryRun || isDryRun(request.query),
  })
  return jsonReply(success({ name, group: kind.group, kind: kind.plural }))
}

async function perform(backend: Backend, { kind, name }: ApiPath, write: ResourceWrite): Promise<StoredResource> {
  if (!backend.isReady()) throw unavailable('the resources have not all been read yet')
  const outcome: WriteOutcome = await backend.write(write)
  switch (outcome.kind) {
    case 'done':
      return outcome.stored
    case 'exists':
      throw alreadyExists(kind, name)
    case 'missing':
      throw notFound(kind, name)
    case 'conflict':
      throw conflict(kind, name)
    case 'invalid':
      throw invalid(kind, name, outcome.problems.map(causeOf))
    case 'unwritable':
      throw unavailable(outcome.reason)
    default:
      return outcome satisfies never
  }
}

function isDryRun(query: URLSearchParams): boolean {
  const values = query.getAll('dryRun')
  if (values.some((value) => value !== 'All')) throw badRequest('dryRun: expected All, or nothing')
  return values.length > 0
}

/** As Kubernetes hands warnings to clients. */
function withWarnings(reply: BodyReply, warnings: readonly Problem[]): BodyReply {
  if (warnings.length === 0) return reply
  const texts = warnings.slice(0, MAX_WARNINGS).map(({ path, message }) => `299 - ${quoted(`${path}: ${message}`)}`)
  return { ...reply, headers: { warning: texts.join(', ') } }
}

const MAX_WARNINGS = 20

/** Headers take printable ASCII. */
function quoted(text: string): string {
  return `"${text
    .slice(0, 500)
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .replaceAll(/["\\]/g, '\\$&')}"`
}

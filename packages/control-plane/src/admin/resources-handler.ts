import { tryParseApiPath } from './api-path.ts'
import type { ApiHandler } from './api-request.ts'
import { type ReadParts, readResources } from './read-resources.ts'
import { StatusError } from './status-error.ts'
import { createResource, deleteResource, replaceResource } from './write-resource.ts'

/** Resources under Kubernetes' own paths, with its verbs. */
export function resourcesHandler(parts: ReadParts): ApiHandler {
  return (request) => {
    const path = tryParseApiPath(request.path)
    if (path === undefined) return undefined
    const isOne = path.name !== ''
    if (request.method === 'GET') return readResources(parts, path, request)
    if (request.method === 'POST' && !isOne) return createResource(parts.backend, path, request)
    if (request.method === 'PUT' && isOne) return replaceResource(parts.backend, path, request)
    if (request.method === 'DELETE' && isOne) return deleteResource(parts.backend, path, request)
    const known = isOne ? 'GET, PUT or DELETE' : 'GET or POST'
    throw new StatusError(405, 'MethodNotAllowed', `${request.method} is not possible here: use ${known}`)
  }
}

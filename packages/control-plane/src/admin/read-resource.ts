import { apiVersionOf, type Problem, parseResources, type Resource } from '@meltemi/api'
import { validateResource } from '../store/validate.ts'
import type { ApiPath } from './api-path.ts'
import { isObject, tryParseObject } from './delete-options.ts'
import { badRequest, causeOf, invalid } from './status-error.ts'

export interface ReadResource {
  readonly resource: Resource
  readonly warnings: readonly Problem[]
}

/**
 * The resource in the body of a request: the same checks as for files, and it must be what the path says. Throws a
 * StatusError, with all problems.
 */
export function readResource(body: string, path: ApiPath): ReadResource {
  const object = tryParseObject(body)
  if (object === undefined) throw badRequest('the body: expected a JSON object')
  const name = checkAgainstPath(object, path)
  const { resources, problems } = parseResources(JSON.stringify(inNamespace(object, path)), '')
  const [placed] = resources
  const all = placed === undefined ? problems : [...problems, ...validateResource(placed)]
  const errors = all.filter(({ severity }) => severity === 'error')
  if (placed === undefined || errors.length > 0) throw invalid(path.kind, name, errors.map(causeOf))
  return { resource: placed.resource, warnings: all.filter(({ severity }) => severity === 'warning') }
}

/** Returns the name. */
function checkAgainstPath(object: Readonly<Record<string, unknown>>, path: ApiPath): string {
  const apiVersion = apiVersionOf(path.kind, path.version)
  if (object['kind'] !== path.kind.kind || object['apiVersion'] !== apiVersion) {
    throw badRequest(`the object: expected a ${path.kind.kind} of ${apiVersion}, as the path says`)
  }
  const metadata = isObject(object['metadata']) ? object['metadata'] : {}
  const { name, namespace } = metadata
  if (path.name !== '' && name !== path.name) {
    throw badRequest('the name of the object does not match the name on the URL')
  }
  if (path.kind.isNamespaced && path.namespace === '') throw badRequest('the path: expected a namespace')
  if (path.kind.isNamespaced && namespace !== undefined && namespace !== '' && namespace !== path.namespace) {
    throw badRequest('the namespace of the object does not match the namespace on the URL')
  }
  return typeof name === 'string' ? name : ''
}

/** The path has the namespace where the object leaves it out. */
function inNamespace(object: Readonly<Record<string, unknown>>, { kind, namespace }: ApiPath): unknown {
  if (!kind.isNamespaced || !isObject(object['metadata'])) return object
  return { ...object, metadata: { ...object['metadata'], namespace } }
}

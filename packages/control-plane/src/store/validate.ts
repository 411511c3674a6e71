import { describeResource, type PlacedResource, type Problem, ResourceProblems } from '@meltemi/api/resource'
import { checkApplicationProtocol } from './validate/application-protocol.ts'
import { checkAuthorizationPolicy } from './validate/authorization-policy.ts'
import { checkSchema } from './validate/check-schema.ts'
import { checkDestinationRule } from './validate/destination-rule.ts'
import { checkEndpointSlice } from './validate/endpoint-slice.ts'
import { checkMetaRouter } from './validate/meta-router.ts'
import { checkRedisDestination, checkRedisService } from './validate/redis.ts'
import { checkService } from './validate/service.ts'
import { checkServiceEntry } from './validate/service-entry.ts'

/**
 * All that is wrong with one resource by itself: fields by the schema of its kind, then what no schema can say. Without
 * errors it has the fields that its type promises.
 */
export function validateResource(placed: PlacedResource): readonly Problem[] {
  const problems = new ResourceProblems(placed)
  // Where a value is of another kind than its field, the rules would not find what they look at.
  if (checkSchema(placed.resource, problems)) checkRules(placed.resource, problems)
  return problems.sorted()
}

/** `validateResource` of each, and what is there twice. */
export function validateResources(placed: readonly PlacedResource[]): readonly Problem[] {
  const first = new Map<string, PlacedResource>()
  return placed.flatMap((each) => {
    const other = first.get(each.key)
    if (other === undefined) first.set(each.key, each)
    return other === undefined ? validateResource(each) : [...twice(each, other), ...validateResource(each)]
  })
}

function checkRules(resource: PlacedResource['resource'], problems: ResourceProblems): void {
  switch (resource.kind) {
    case 'ApplicationProtocol':
      checkApplicationProtocol(resource, problems)
      break
    case 'MetaRouter':
      checkMetaRouter(resource, problems)
      break
    case 'ServiceEntry':
      checkServiceEntry(resource, problems)
      break
    case 'DestinationRule':
      checkDestinationRule(resource, problems)
      break
    case 'Service':
      checkService(resource, problems)
      break
    case 'EndpointSlice':
      checkEndpointSlice(resource, problems)
      break
    case 'MetaAuthorizationPolicy':
    case 'DubboAuthorizationPolicy':
      checkAuthorizationPolicy(resource, problems)
      break
    case 'RedisService':
      checkRedisService(resource, problems)
      break
    case 'RedisDestination':
      checkRedisDestination(resource, problems)
      break
    case 'WorkloadEntry':
      break
    default:
      resource satisfies never
  }
}

function twice(placed: PlacedResource, other: PlacedResource): readonly Problem[] {
  const problems = new ResourceProblems(placed)
  const { line } = other.source.place
  problems.error({
    code: 'duplicate-resource',
    path: ['metadata', 'name'],
    message: `${describeResource(placed.resource)} stands in ${line > 0 ? `${other.file}:${line}` : 'another place'} already`,
    fix: 'give one of them another name, or delete it',
  })
  return problems.sorted()
}

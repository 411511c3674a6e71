import {
  type DestinationRule,
  describeResource,
  keyOf,
  type MetaRouter,
  type ProblemCode,
  type Resource,
  type Service,
  type ServiceEntry,
} from '@meltemi/api'
import type { NamedPolicy } from './policy-index.ts'
import type { StatusNote } from './world.ts'
import type { HostResources } from './world-index.ts'

/** Of several resources for one host one is in force; the others hear of it. */
export function conflictNotes(host: string, { origins, routers, rules }: HostResources): readonly StatusNote[] {
  return [
    ...losers(origins, 'duplicate-host', `host ${host} is that of`, 'give it another host'),
    ...losers(routers, 'duplicate-router', `host ${host} already has the rules of`, 'put all routes into one of them'),
    ...losers(rules, 'duplicate-destination-rule', `host ${host} already has`, 'put all subsets into one of them'),
  ]
}

function losers(
  [owner, ...others]: readonly Resource[],
  code: ProblemCode,
  message: string,
  fix: string,
): readonly StatusNote[] {
  if (owner === undefined) return []
  return others.map((loser) => ({
    key: keyOf(loser),
    severity: 'error',
    code,
    path: hostPath(loser),
    message: `${message} ${describeResource(owner)}, which is older`,
    fix,
  }))
}

/** What is for a host that no service has. */
export function homelessNotes(
  host: string,
  resources: readonly (MetaRouter | DestinationRule)[],
): readonly StatusNote[] {
  return resources.map((resource) => ({
    key: keyOf(resource),
    severity: 'warning',
    code: 'unknown-host',
    path: hostPath(resource),
    message: `no service has the host ${host}`,
    fix: 'write it as hosts[0] of the ServiceEntry, or as <name>.<namespace>.svc.<domain>',
  }))
}

/** Policies that name what is no service of their own namespace. */
export function strangerNotes(
  host: string,
  origin: ServiceEntry | Service | undefined,
  naming: readonly NamedPolicy[],
): readonly StatusNote[] {
  return naming
    .filter(({ policy }) => policy.metadata.namespace !== origin?.metadata.namespace)
    .map(({ policy, index }) => ({
      key: keyOf(policy),
      severity: 'warning',
      code: 'unknown-host',
      path: ['spec', 'hosts', index],
      message:
        origin === undefined
          ? `no service has the host ${host}`
          : `host ${host} is that of ${describeResource(origin)}, and a policy is for services of its own namespace`,
      fix: origin === undefined ? 'write it as the service does' : `put it into namespace ${origin.metadata.namespace}`,
    }))
}

/** A fault of ours: whichever of the resources is the cause, all of them hear of it. */
export function failureNotes(
  host: string,
  { origins, routers, rules }: HostResources,
  reason: string,
): readonly StatusNote[] {
  const causes = [origins[0], routers[0], rules[0]].filter((each) => each !== undefined)
  return causes.map((cause) => ({
    key: keyOf(cause),
    severity: 'error',
    code: 'translation-failed',
    path: [],
    message: `service ${host} stays as it was: ${reason}`,
  }))
}

function hostPath({ kind }: Resource): StatusNote['path'] {
  if (kind === 'DestinationRule') return ['spec', 'host']
  return kind === 'Service' ? ['metadata', 'name'] : ['spec', 'hosts', 0]
}

import {
  describeResource,
  type RedisAuth,
  type RedisDestination,
  type RedisService,
  type Service,
  type ServiceEntry,
} from '@meltemi/api'
import type { ServicePort, ServiceView, World } from '../../store/world.ts'
import { plainHost } from '../names.ts'
import type { FilterNote } from './translate-envoy-filters.ts'

/** Values of a Secret by key, or in words why nobody knows them. */
export type SecretValues = ReadonlyMap<string, string> | { readonly fault: string }

/** By `<namespace>/<name>`. */
export type Secrets = ReadonlyMap<string, SecretValues>

/** What somebody says to be let in; empty: nothing. */
export interface Login {
  readonly username: string
  readonly password: string
}

export interface RedisSources {
  /** RedisServices and RedisDestinations in force, those that come before others first. */
  readonly resources: readonly (RedisService | RedisDestination)[]
  readonly services: World['services']
  readonly secrets: Secrets
  /** `<namespace>/<host>` of services of which nobody knows all that is said of them. */
  readonly refused: ReadonlySet<string>
}

const USERNAME = 'username'
const PASSWORDS = ['password', 'token']

/** What filters of Redis are made of besides their service: resources of its namespace, other services, and Secrets. */
export class RedisInputs {
  readonly notes: readonly FilterNote[]
  readonly #views: World['services']
  readonly #secrets: Secrets
  readonly #refused: ReadonlySet<string>
  /** By namespace and host, that in force. */
  readonly #services: ReadonlyMap<string, RedisService>
  readonly #destinations: ReadonlyMap<string, RedisDestination>

  constructor({ resources, services, secrets, refused }: RedisSources) {
    const redisServices = resources.filter((each) => each.kind === 'RedisService')
    const destinations = resources.filter((each) => each.kind === 'RedisDestination')
    this.#views = services
    this.#secrets = secrets
    this.#refused = refused
    this.#services = firstByHost(redisServices, hostsOfService)
    this.#destinations = firstByHost(destinations, hostsOfDestination)
    // most meshes have none
    const owned = new Set(resources.length === 0 ? [] : [...services.values()].flatMap((view) => keysOf(view)))
    this.notes = [
      ...redisServices.flatMap((each) => notesOf(each, hostsOfService(each), this.#services, owned)),
      ...destinations.flatMap((each) => notesOf(each, hostsOfDestination(each), this.#destinations, owned)),
    ]
  }

  /** Throws where something that is said of the service is refused. */
  serviceOf(view: ServiceView): RedisService | undefined {
    if (keysOf(view).some((key) => this.#refused.has(key)))
      throw new TypeError('a RedisService or RedisDestination for this host is refused')
    return first(this.#services, view)
  }

  destinationOf(view: ServiceView): RedisDestination | undefined {
    return first(this.#destinations, view)
  }

  /** Throws where a Secret cannot be read, or has no password; what it has is never told. */
  login({ plain, secret }: RedisAuth, namespace: string): Login {
    if (plain !== undefined) return { username: '', ...plain }
    if (secret === undefined) return { username: '', password: '' }
    const { name, usernameField, passwordField } = secret
    const where = `Secret ${namespace}/${name}`
    const values = this.#secrets.get(`${namespace}/${name}`) ?? { fault: 'has not been read' }
    if ('fault' in values) throw new TypeError(`${where} ${values.fault}`)
    const password = valueOf(values, passwordField === undefined ? PASSWORDS : [passwordField])
    const username = valueOf(values, [usernameField ?? USERNAME])
    if (password === '') throw new TypeError(`${where} has no ${passwordField ?? PASSWORDS.join(' and no ')}`)
    if (username === '' && usernameField !== undefined) throw new TypeError(`${where} has no ${usernameField}`)
    return { username, password }
  }

  /** Of the service of a host, for a client that has connected to `from`. */
  portOf(host: string, from: ServicePort): number {
    const ports = this.#views.get(plainHost(host))?.ports ?? []
    const [only] = ports
    if (ports.length === 1 && only !== undefined) return only.number
    const same = ports.find(({ number }) => number === from.number) ?? ports.find(({ name }) => name === from.name)
    return same?.number ?? from.number
  }
}

/** Secrets that resources refer to, each once, as `<namespace>/<name>`; those of their own namespaces only. */
export function secretsOf(resources: readonly (RedisService | RedisDestination)[]): readonly string[] {
  const found = new Set<string>()
  for (const resource of resources) {
    const name = authOf(resource)?.secret?.name
    if (name !== undefined) found.add(`${resource.metadata.namespace}/${name}`)
  }
  return [...found]
}

function authOf(resource: RedisService | RedisDestination): RedisAuth | undefined {
  if (resource.kind === 'RedisService') return resource.spec.settings?.auth
  return resource.spec.trafficPolicy?.connectionPool?.redis?.auth
}

function valueOf(values: ReadonlyMap<string, string>, keys: readonly string[]): string {
  const key = keys.find((each) => values.has(each))
  // people make them with a line break at the end
  return key === undefined ? '' : (values.get(key)?.trim() ?? '')
}

function hostsOfService({ spec }: RedisService): readonly string[] {
  return spec.host
}

function hostsOfDestination({ spec }: RedisDestination): readonly string[] {
  return [spec.host]
}

function firstByHost<T extends RedisService | RedisDestination>(
  sorted: readonly T[],
  hostsOf: (resource: T) => readonly string[],
): ReadonlyMap<string, T> {
  const found = new Map<string, T>()
  for (const resource of sorted)
    for (const host of hostsOf(resource)) {
      const key = hostKey(resource, host)
      if (!found.has(key)) found.set(key, resource)
    }
  return found
}

function first<T>(byHost: ReadonlyMap<string, T>, view: ServiceView): T | undefined {
  const key = keysOf(view).find((each) => byHost.has(each))
  return key === undefined ? undefined : byHost.get(key)
}

/** Of all hosts that a service has. */
function keysOf({ origin, host }: ServiceView): readonly string[] {
  const hosts = origin.kind === 'ServiceEntry' ? origin.spec.hosts : [host]
  return hosts.map((each) => hostKey(origin, each))
}

function hostKey({ metadata }: RedisService | RedisDestination | ServiceEntry | Service, host: string): string {
  return `${metadata.namespace}/${plainHost(host)}`
}

function notesOf(
  resource: RedisService | RedisDestination,
  hosts: readonly string[],
  inForce: ReadonlyMap<string, RedisService | RedisDestination>,
  owned: ReadonlySet<string>,
): readonly FilterNote[] {
  return hosts.flatMap((host) => {
    const key = hostKey(resource, host)
    const other = inForce.get(key)
    const who = describeResource(resource)
    if (!owned.has(key))
      return [{ host, message: `${who}: no service of its namespace has this host`, keepsOld: false }]
    if (other === undefined || other === resource) return []
    return [{ host, message: `${who}: ${describeResource(other)}, which is older, is for this host`, keepsOld: false }]
  })
}

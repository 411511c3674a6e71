import { hash } from 'node:crypto'
import { formatProblem, type ResourceContext } from '@meltemi/api'
import { RESOURCE_TYPES, type ResourceType } from '@meltemi/api/xds'
import { type HeldResource, type HeldType, isNamed } from './held-resources.ts'
import { parseResource } from './resource-parsers.ts'
import type { SentResource, SentResponse } from './sent-response.ts'

/** More than these are no configuration but a mistake, and would have to be kept. */
const MAX_RESOURCES = 100_000

export interface TakingRules {
  readonly context: ResourceContext
  /** What was asked for; empty for types of which everything is wanted. */
  readonly names: readonly string[]
  /** On a stream for all types, a response may hold what others asked for. */
  readonly allowsOthers: boolean
  /** Why a resource may not have this name; undefined: it may. */
  nameFault(type: ResourceType, name: string): string | undefined
}

export interface TakenResponse {
  /** With what was good; in state-of-the-world only to be used when there are no faults. */
  readonly held: HeldType
  /** Names of the resources that were good. */
  readonly named: readonly string[]
  /** Names of the resources that are not what they were. */
  readonly changed: readonly string[]
  /** Texts, one for each thing that is wrong. */
  readonly faults: readonly string[]
  /** Names that were asked for and that there is nothing for: waiting for them is in vain. */
  readonly absent: readonly string[]
}

/** Reads a response on top of what is held. Never throws. */
export function takeResponse(response: SentResponse, before: HeldType, rules: TakingRules): TakenResponse {
  const reader = new ResponseReader(response, before, rules)
  return response.isDelta ? reader.readDelta() : reader.readWhole()
}

class ResponseReader {
  readonly #response: SentResponse
  readonly #before: HeldType
  readonly #rules: TakingRules
  readonly #faults: string[] = []
  readonly #changed: string[] = []

  constructor(response: SentResponse, before: HeldType, rules: TakingRules) {
    this.#response = response
    this.#before = before
    this.#rules = rules
  }

  readWhole(): TakenResponse {
    const { type, resources: sent, version } = this.#response
    const known = new Map([...this.#before.resources].map(([name, held]) => [digestOf(held.body), name]))
    const named = new Map<string, HeldResource>()
    if (this.#hasGoodCount())
      for (const resource of sent) this.#add(named, resource, known.get(digestOf(resource.body)))
    // of named types it has some of those that were asked for, of others all there are
    const resources = !isNamed(type) ? named : new Map([...this.#before.resources, ...named])
    for (const name of this.#before.resources.keys()) if (!resources.has(name)) this.#changed.push(name)
    return {
      ...this.#result(version, resources),
      named: [...named.keys()],
      absent: sent.length === 0 ? this.#rules.names : [],
    }
  }

  readDelta(): TakenResponse {
    const { type, resources: sent, removed, version } = this.#response
    const named = new Map<string, HeldResource>()
    for (const resource of sent) this.#add(named, resource, this.#sameAsBefore(resource))
    const resources = new Map([...this.#before.resources, ...named])
    for (const name of isNamed(type) ? [] : removed) {
      if (!named.has(name) && resources.delete(name)) this.#changed.push(name)
    }
    return { ...this.#result(version, resources), named: [...named.keys()], absent: removed }
  }

  #result(version: string, resources: ReadonlyMap<string, HeldResource>): Omit<TakenResponse, 'absent' | 'named'> {
    if (resources.size > MAX_RESOURCES) this.#faults.push(`${resources.size} resources are more than ${MAX_RESOURCES}`)
    return { held: { version, resources }, changed: this.#changed, faults: this.#faults }
  }

  #sameAsBefore({ name, body }: SentResource): string | undefined {
    const held = this.#before.resources.get(name)
    return held !== undefined && Buffer.compare(held.body, body) === 0 ? name : undefined
  }

  /** `same`: the name under which the same bytes are held already. */
  #add(named: Map<string, HeldResource>, resource: SentResource, same: string | undefined): void {
    const { type } = this.#response
    const held = same === undefined ? undefined : this.#before.resources.get(same)
    const read = held === undefined ? this.#read(resource) : { name: same as string, value: held.value }
    if (read === undefined) return
    const { name, value } = read
    const fault = named.has(name) ? `${type} ${JSON.stringify(name)} is there twice` : this.#nameFault(type, name)
    if (fault === undefined) {
      named.set(name, { version: resource.version, body: held?.body ?? Uint8Array.from(resource.body), value })
      if (held === undefined) this.#changed.push(name)
    } else if (fault !== '') this.#faults.push(fault)
  }

  #read(resource: SentResource): { readonly name: string; readonly value: HeldResource['value'] } | undefined {
    const { type } = this.#response
    const { name: outer, typeUrl, body, hasTtl } = resource
    if (typeUrl !== RESOURCE_TYPES[type])
      return this.#refuse(outer, `expected a ${RESOURCE_TYPES[type]}, got a ${typeUrl}`)
    if (hasTtl) return this.#refuse(outer, 'a resource with a time to live is not supported yet')
    const { name, value, problems } = parseResource(type, body, this.#rules.context)
    for (const problem of problems) {
      if (problem.severity === 'error') this.#refuse(name || outer, formatProblem(problem))
    }
    if (value === undefined) return undefined
    if (outer !== '' && outer !== name) return this.#refuse(outer, `is called ${JSON.stringify(name)} inside`)
    return { name, value }
  }

  #refuse(name: string, why: string): undefined {
    this.#faults.push(`${this.#response.type} ${JSON.stringify(name)}: ${why}`)
  }

  /** Empty: it is somebody else's, and passed over. */
  #nameFault(type: ResourceType, name: string): string | undefined {
    const { names, allowsOthers, nameFault } = this.#rules
    const fault = nameFault(type, name)
    if (fault !== undefined) return `${type} ${JSON.stringify(name)}: ${fault}`
    if (!isNamed(type) || names.includes(name)) return undefined
    if (allowsOthers) return ''
    return type === 'route'
      ? `Unexpected RDS configuration (expecting ${names.join(', ')}): ${name}`
      : `${type} ${JSON.stringify(name)} was not asked for`
  }

  /** As the reference, for which a stream has one name. */
  #hasGoodCount(): boolean {
    const { type, resources } = this.#response
    const { names, allowsOthers } = this.#rules
    const isTooMany = !allowsOthers && resources.length > names.length
    if (type === 'route' && resources.length === 0) this.#faults.push('Invalid update size')
    if (type === 'route' && isTooMany) this.#faults.push(`Unexpected RDS resource length: ${resources.length}`)
    return this.#faults.length === 0
  }
}

function digestOf(body: Uint8Array): string {
  return hash('sha1', body, 'base64')
}

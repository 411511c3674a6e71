import { GrpcCode, GrpcError } from '@meltemi/runtime/grpc'
import type { XdsResource } from './xds-resource.ts'

/** Stands for every resource of a type. */
export const WILDCARD = '*'
const MAX_NAME_LENGTH = 4_096

/** Which resources of one type a stream wants: those it names, or all. Throws a GrpcError when there are too many names. */
export class Interest {
  readonly #maxNames: number
  readonly #names = new Set<string>()
  isWildcard = false

  constructor(maxNames: number) {
    this.#maxNames = maxNames
  }

  /** Those that were asked for one by one. */
  get names(): ReadonlySet<string> {
    return this.#names
  }

  wants(name: string): boolean {
    return this.isWildcard || this.#names.has(name)
  }

  /** What is wanted of what there is. */
  among(resources: ReadonlyMap<string, XdsResource>): Iterable<XdsResource> {
    if (this.isWildcard) return resources.values()
    const found: XdsResource[] = []
    for (const name of this.#names) {
      const resource = resources.get(name)
      if (resource !== undefined) found.push(resource)
    }
    return found
  }

  /**
   * What to send again of responses that were rejected: all of it, as one bad resource may have kept out the others. But
   * not before something is different, or there would be no end to it: undefined until then.
   */
  retries(
    rejected: ReadonlySet<string>,
    resources: ReadonlyMap<string, XdsResource>,
    isDifferent: boolean,
  ): readonly XdsResource[] | undefined {
    const isDue = isDifferent || [...rejected].some((name) => !resources.has(name) || !this.wants(name))
    if (!isDue) return undefined
    return [...rejected].flatMap((name) => (this.wants(name) ? (resources.get(name) ?? []) : []))
  }

  add(name: string): void {
    if (name.length > MAX_NAME_LENGTH) throw refusal(`names of more than ${MAX_NAME_LENGTH} characters`)
    if (this.#names.size >= this.#maxNames && !this.#names.has(name)) throw refusal(`more than ${this.#maxNames} names`)
    this.#names.add(name)
  }

  delete(name: string): void {
    this.#names.delete(name)
  }

  clear(): void {
    this.#names.clear()
  }
}

function refusal(what: string): GrpcError {
  return new GrpcError(GrpcCode.RESOURCE_EXHAUSTED, `${what} of one resource type are not served`)
}

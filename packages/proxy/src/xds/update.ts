import type { SecretConfig } from '@meltemi/api'
import type { ResourceType } from '@meltemi/api/xds'
import { faultsOf } from '../util/config-refused.ts'
import type { CodecModules } from './codec-modules.ts'
import type { HeldResources, HeldType } from './held-resources.ts'
import type { SentResponse } from './sent-response.ts'
import { type TakenResponse, type TakingRules, takeResponse } from './take-response.ts'

/** Where secrets that come from a control plane go. */
export interface DeliveredSecrets {
  /** Resolves with why it is no good, and then the one before stays. */
  deliver(source: string, secret: SecretConfig): Promise<string | undefined>
}

/** A response, and on what terms it is read. */
export interface Arrival {
  readonly source: string
  readonly response: SentResponse
  readonly rules: TakingRules
}

/** What a response makes of what is held. */
export interface Update {
  readonly held: HeldResources
  /** The configurations that are new. */
  readonly fresh: ReadonlySet<object>
  /** Names of the resources that were good. */
  readonly named: readonly string[]
  /** Names of the resources that are not what they were. */
  readonly changed: readonly string[]
  /** Why it, or a part of it, is rejected; empty: it is accepted. */
  readonly faults: readonly string[]
  /** Names that were asked for in vain. */
  readonly absent: readonly string[]
}

/**
 * Takes a response on top of what is held; modules in it are loaded on the way. Of a state-of-the-world response nothing
 * is taken when anything is wrong with it, of a delta response what is good.
 */
export async function makeUpdate(
  { source, response, rules }: Arrival,
  held: HeldResources,
  modules: CodecModules,
  secrets: DeliveredSecrets | undefined,
): Promise<Update> {
  const { type, isDelta } = response
  const before = held.get(type, source)
  const taken = takeResponse(response, before, rules)
  const refused =
    type === 'extensionConfig'
      ? await loadModules(taken, held, source, modules)
      : type === 'secret'
        ? await useSecrets(taken, held, source, secrets)
        : new Map<string, string>()
  const faults = [...taken.faults, ...refused.values()]
  const { absent } = taken
  if (faults.length > 0 && !isDelta) return { held, fresh: new Set(), named: [], changed: [], faults, absent }
  const after = without(taken.held, before, [...refused.keys()])
  const fresh = new Set<object>()
  for (const name of taken.changed) fresh.add(after.resources.get(name)?.value ?? {})
  return {
    held: held.with(type, source, after as HeldType<ResourceType>),
    fresh,
    named: taken.named,
    changed: taken.changed,
    faults,
    absent,
  }
}

/** Returns why not, by name. */
async function loadModules(
  { held, changed }: TakenResponse,
  before: HeldResources,
  source: string,
  modules: CodecModules,
): Promise<ReadonlyMap<string, string>> {
  const refused = new Map<string, string>()
  const sent = before
    .with('extensionConfig', source, held as HeldType<'extensionConfig'>)
    .get('extensionConfig', source)
  for (const name of changed) {
    const module = sent.resources.get(name)?.value
    try {
      if (module !== undefined) await modules.deliver(name, module)
    } catch (error: unknown) {
      refused.set(name, `extensionConfig ${JSON.stringify(name)}: ${faultsOf(error).join('; ')}`)
    }
  }
  return refused
}

/** The same of secrets: those that are good are in force at once, for new connections. */
async function useSecrets(
  { held, changed }: TakenResponse,
  before: HeldResources,
  source: string,
  secrets: DeliveredSecrets | undefined,
): Promise<ReadonlyMap<string, string>> {
  const refused = new Map<string, string>()
  const sent = before.with('secret', source, held as HeldType<'secret'>).get('secret', source)
  for (const name of changed) {
    const secret = sent.resources.get(name)?.value
    const fault = secret === undefined ? undefined : await secrets?.deliver(source, secret)
    if (fault !== undefined) refused.set(name, `secret ${JSON.stringify(name)}: ${fault}`)
  }
  return refused
}

/** The names that were refused keep what they had. */
function without(after: HeldType, before: HeldType, names: readonly string[]): HeldType {
  const resources = new Map(after.resources)
  for (const name of names) {
    const old = before.resources.get(name)
    if (old === undefined) resources.delete(name)
    else resources.set(name, old)
  }
  return { ...after, resources }
}

/** How configuration gets into a running proxy: the seam between those who bring it (xDS) and the data plane. */
import type { ConfigChange } from '@meltemi/api/model'

export { ConfigRefused } from '../util/config-refused.ts'

export type ResourceKind = 'cluster' | 'endpoints' | 'listener' | 'routes'

/** What its sender calls the version of a resource, for `/config_dump`; `name` is a cluster's, a listener's, or a key of routes. */
export type VersionOf = (kind: ResourceKind, name: string) => string

/**
 * Puts a change in force, in all threads or in none. Changes are made one after the other, in the order of the calls.
 * Resolves when every thread has it; rejects with ConfigRefused, and what was in force stays, when it cannot be had.
 *
 * A cluster that is named again and stays eds keeps its endpoints unless the change has others, or `eds` is another. What
 * came with the bootstrap cannot be changed or removed.
 */
export type Configure = (change: ConfigChange, versionOf?: VersionOf) => Promise<void>

import {
  type ApplicationProtocol,
  keyOf,
  type MetaRouter,
  type PlacedResource,
  type Problem,
  type ResourceKey,
  ResourceProblems,
} from '@meltemi/api'
import { addressNotes } from './analyze/address-notes.ts'
import { codecNotes } from './analyze/codec-notes.ts'
import { destinationNotes } from './analyze/destination-notes.ts'
import { endpointNotes } from './analyze/endpoint-notes.ts'
import { shadowedRoutes } from './analyze/shadowed-routes.ts'
import { WorldBuilder, type WorldOptions } from './store/build-world.ts'
import type { ModuleStates } from './store/protocol-table.ts'
import type { StatusNote } from './store/world.ts'

export interface AnalyzeOptions extends WorldOptions {
  /** Registered names of the codecs that proxies have without a module. */
  readonly codecs: readonly string[]
  /** Where services without an address of their own listen. */
  readonly listenHost: string
}

/**
 * What is wrong with resources beside each other, found in the very World that a control plane would make of them. Each of
 * them must be valid by itself.
 */
export function analyze(placed: readonly PlacedResource[], options: AnalyzeOptions): readonly Problem[] {
  const set = new Map(placed.map(({ key, resource }) => [key, resource]))
  const protocols = [...set.values()].filter((resource) => resource.kind === 'ApplicationProtocol')
  const world = new WorldBuilder(options).apply({ set, deleted: [], modules: asFetched(protocols) })
  const routers = [...set.values()].filter((resource): resource is MetaRouter => resource.kind === 'MetaRouter')
  const services = [...world.services.values()]
  const notes = [
    ...world.notes,
    ...codecNotes(protocols, options.codecs),
    ...routers.flatMap((router) => [...destinationNotes(router, world), ...shadowedRoutes(router)]),
    ...services.flatMap(endpointNotes),
    ...addressNotes(services, options.listenHost),
  ]
  return toProblems(notes, placed)
}

/** Modules are not fetched to be analyzed: each is taken for what its digest says. */
function asFetched(protocols: readonly ApplicationProtocol[]): ModuleStates {
  return new Map(
    protocols.flatMap(({ kind, metadata, spec }) => {
      if (spec.module === undefined) return []
      const module = { digest: spec.module.sha256.toLowerCase(), source: new Uint8Array() }
      return [[keyOf({ kind, metadata }), { module, problem: '', isPending: false }] as const]
    }),
  )
}

/** In the order of the resources, and of their text. */
function toProblems(notes: readonly StatusNote[], placed: readonly PlacedResource[]): readonly Problem[] {
  const byKey = new Map<ResourceKey, StatusNote[]>()
  for (const note of notes) byKey.set(note.key, [...(byKey.get(note.key) ?? []), note])
  return placed.flatMap((each) => {
    const problems = new ResourceProblems(each)
    for (const { severity, ...fault } of byKey.get(each.key) ?? []) problems[severity](fault)
    return problems.sorted()
  })
}

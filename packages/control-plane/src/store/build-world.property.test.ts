import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, type Resource } from '@meltemi/api'
import fc from 'fast-check'
import { DRAWN_NUMBERS, drawResource } from '../testing/draw-resource.ts'
import { byKey, shown, WORLD_OPTIONS } from '../testing/resources.ts'
import { WorldBuilder } from './build-world.ts'
import type { World } from './world.ts'

const resource = fc.array(fc.nat(), { minLength: DRAWN_NUMBERS, maxLength: DRAWN_NUMBERS }).map(drawResource)

/** A resource comes, or takes the place of the one with its key, or goes. */
const step = fc.record({ resource, isGone: fc.boolean() })
const steps = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 12 })

const NO_MODULES = new Map<string, never>()

function build(set: readonly Resource[]): World {
  return new WorldBuilder(WORLD_OPTIONS).apply({ set: byKey(set), deleted: [], modules: NO_MODULES })
}

/** Without what tells one history from another. */
function content({ resources, services, protocols, notes }: World): unknown {
  return {
    resources: new Map([...resources].sort()),
    services: new Map([...services].sort(([a], [b]) => (a < b ? -1 : 1))),
    protocols: new Map([...protocols].sort(([a], [b]) => (a < b ? -1 : 1))),
    notes: shown(notes),
  }
}

test('a World depends on the resources that are there, not on how they came', () => {
  fc.assert(
    fc.property(steps, (history) => {
      const builder = new WorldBuilder(WORLD_OPTIONS)
      const there = new Map<string, Resource>()
      for (const changes of history) {
        const set = new Map(
          changes.filter(({ isGone }) => !isGone).map((each) => [keyOf(each.resource), each.resource]),
        )
        const deleted = changes.map((each) => keyOf(each.resource)).filter((key) => !set.has(key))
        for (const key of deleted) there.delete(key)
        for (const [key, each] of set) there.set(key, each)
        builder.apply({ set, deleted, modules: NO_MODULES })
        assert.deepEqual(content(builder.world), content(build([...there.values()].reverse())))
      }
    }),
    { numRuns: 150 },
  )
})

test('a service that is not told of as changed is the same object', () => {
  fc.assert(
    fc.property(fc.array(resource, { maxLength: 15 }), resource, (before, next) => {
      const builder = new WorldBuilder(WORLD_OPTIONS)
      const old = builder.apply({ set: byKey(before), deleted: [], modules: NO_MODULES })
      const world = builder.apply({ set: byKey([next]), deleted: [], modules: NO_MODULES })
      for (const [host, view] of old.services)
        if (!world.changedHosts.has(host)) assert.equal(world.services.get(host), view)
      for (const [host, view] of world.services)
        if (!world.changedHosts.has(host)) assert.equal(old.services.get(host), view)
    }),
  )
})

test('what is set again as it was changes nothing', () => {
  fc.assert(
    fc.property(fc.array(resource, { maxLength: 15 }), (list) => {
      const builder = new WorldBuilder(WORLD_OPTIONS)
      const world = builder.apply({ set: byKey(list), deleted: [], modules: NO_MODULES })
      assert.equal(builder.apply({ set: world.resources, deleted: ['Service/no/no'], modules: NO_MODULES }), world)
      const again = byKey(list.map((each) => structuredClone(each)))
      assert.equal(builder.apply({ set: again, deleted: [], modules: NO_MODULES }), world)
    }),
  )
})

import { isDeepStrictEqual } from 'node:util'
import type { ApiObject } from './api-object.ts'

/** An object as the API server has it: one of ours, or of anybody who gave it our label. */
export interface StoredObject extends ApiObject {
  readonly spec?: unknown
}

export interface PlanInputs<T extends StoredObject> {
  readonly stored: readonly StoredObject[]
  readonly wanted: readonly T[]
  /** Of those that are not wanted: to be deleted. */
  readonly isStale: (stored: StoredObject) => boolean
}

export interface ObjectPlan<T extends StoredObject> {
  readonly create: readonly T[]
  readonly update: readonly { readonly stored: StoredObject; readonly wanted: T }[]
  readonly delete: readonly StoredObject[]
}

/** What is to be done so that there is what is wanted. Nothing, when it has been done. */
export function planObjects<T extends StoredObject>({ stored, wanted, isStale }: PlanInputs<T>): ObjectPlan<T> {
  const before = new Map(stored.map((object) => [keyOf(object), object]))
  const after = new Map(wanted.map((object) => [keyOf(object), object]))
  return {
    create: [...after.values()].filter((object) => !before.has(keyOf(object))),
    update: [...after].flatMap(([key, object]) => {
      const old = before.get(key)
      return old === undefined || isDeepStrictEqual(old.spec, object.spec) ? [] : [{ stored: old, wanted: object }]
    }),
    delete: [...before].filter(([key, old]) => !after.has(key) && isStale(old)).map(([, old]) => old),
  }
}

function keyOf({ metadata: { namespace = '', name } }: ApiObject): string {
  return `${namespace}/${name}`
}

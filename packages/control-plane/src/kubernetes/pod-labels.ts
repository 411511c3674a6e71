import type { EndpointSlice, PlacedResource, ResourceKey } from '@meltemi/api'
import { type ApiObject, podKey } from './api-object.ts'

type Labels = Readonly<Record<string, string>>

interface PodTarget {
  readonly targetRef?: { readonly kind?: string; readonly name?: string; readonly namespace?: string }
}

/** Kubernetes has the labels of workloads at their pods, and their addresses in EndpointSlices: both together here. */
export class PodLabels {
  readonly #labels = new Map<string, Labels>()
  /** As the API server has them. */
  readonly #slices = new Map<ResourceKey, PlacedResource>()
  /** By pod. */
  readonly #slicesOf = new Map<string, Set<ResourceKey>>()

  /** An EndpointSlice with the labels of its pods; it is remembered, for they may change. */
  label(placed: PlacedResource): PlacedResource {
    this.forgetSlice(placed.key)
    this.#slices.set(placed.key, placed)
    for (const pod of podsOf(placed)) {
      const slices = this.#slicesOf.get(pod) ?? new Set()
      slices.add(placed.key)
      this.#slicesOf.set(pod, slices)
    }
    return this.#labelled(placed)
  }

  forgetSlice(key: ResourceKey): void {
    const placed = this.#slices.get(key)
    if (placed === undefined) return
    this.#slices.delete(key)
    for (const pod of podsOf(placed)) {
      const slices = this.#slicesOf.get(pod)
      slices?.delete(key)
      if (slices?.size === 0) this.#slicesOf.delete(pod)
    }
  }

  /** Each of these returns the EndpointSlices that are different now. */
  set({ metadata: { namespace = '', name, labels = {} } }: ApiObject): readonly PlacedResource[] {
    const key = podKey(namespace, name)
    const before = this.#labels.get(key)
    this.#labels.set(key, labels)
    return before !== undefined && areSame(before, labels) ? [] : this.#with(key)
  }

  delete(key: string): readonly PlacedResource[] {
    return this.#labels.delete(key) ? this.#with(key) : []
  }

  replace(pods: readonly ApiObject[]): readonly PlacedResource[] {
    this.#labels.clear()
    for (const pod of pods) this.set(pod)
    return [...this.#slices.values()].map((placed) => this.#labelled(placed))
  }

  #with(pod: string): readonly PlacedResource[] {
    const keys = [...(this.#slicesOf.get(pod) ?? [])]
    return keys.flatMap((key) => {
      const placed = this.#slices.get(key)
      return placed === undefined ? [] : [this.#labelled(placed)]
    })
  }

  #labelled(placed: PlacedResource): PlacedResource {
    const slice = placed.resource as EndpointSlice
    const endpoints = (slice.endpoints ?? []).map((endpoint) => {
      const pod = podOf(endpoint as PodTarget, slice)
      const labels = pod === undefined ? undefined : this.#labels.get(pod)
      const { targetRef: _, ...own } = endpoint as PodTarget & typeof endpoint
      return labels === undefined ? own : { ...own, labels }
    })
    return { ...placed, resource: { ...slice, endpoints } }
  }
}

function podsOf({ resource }: PlacedResource): readonly string[] {
  const slice = resource as EndpointSlice
  return (slice.endpoints ?? []).flatMap((endpoint) => podOf(endpoint as PodTarget, slice) ?? [])
}

function podOf({ targetRef }: PodTarget, { metadata }: EndpointSlice): string | undefined {
  if (targetRef?.kind !== 'Pod' || targetRef.name === undefined) return undefined
  return podKey(targetRef.namespace ?? metadata.namespace, targetRef.name)
}

function areSame(a: Labels, b: Labels): boolean {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key])
}

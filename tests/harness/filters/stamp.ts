/** A module with a filter that marks requests and replies, and the codec that can be marked. Load with `--module`. */

import { type FilterDefinition, FilterStatus } from '@meltemi/sdk'
import { mutable } from '../codecs/mutable.ts'

interface Stamp {
  readonly key: string
  readonly value: string
}

const stamp: FilterDefinition<Stamp> = {
  name: 'test.stamp',
  typeUrl: 'type.googleapis.com/test.Stamp',
  parse(json, problem) {
    const { key, value } = json as Partial<Record<string, unknown>>
    if (typeof key !== 'string') problem('key', `expected a text, got ${typeof key}`)
    if (typeof value !== 'string') problem('value', `expected a text, got ${typeof value}`)
    return { key: String(key), value: String(value) }
  },
  create({ key, value }, host) {
    const stamped = host.counter('stamped')
    return {
      onRequest(context) {
        stamped.add(1)
        context.slots[host.slot] = context.request.requestId
        context.mutateRequest(key, value)
        return FilterStatus.Continue
      },
      onReply(context) {
        context.mutateReply(key, `${value}, ${String(context.slots[host.slot])}`)
        return FilterStatus.Continue
      },
    }
  },
}

export const codecs = [mutable]
export const filters = [stamp]

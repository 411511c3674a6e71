import type { MetadataOperation, MetadataOperationsConfig } from '@meltemi/api/model'
import { type FilterContext, FilterStatus, type Metadata } from '@meltemi/sdk'
import type { ProxyFilter, ProxyFilterDefinition, ProxyFilterHost } from '../proxy-filter.ts'
import { CompiledOperation } from './compiled-operation.ts'
import { METADATA_LIMITS } from './metadata-limits.ts'

const NOTHING: MetadataOperationsConfig = { request: [], response: [] }

/** Sets, extends, removes and copies what is known of messages, and where the codec can, what they say. */
export const metadataOperations: ProxyFilterDefinition<MetadataOperationsConfig> = {
  name: 'meltemi.filters.metadata',
  typeUrl: 'type.googleapis.com/meltemi.filters.metadata.v1.MetadataOperations',
  // without any configuration it does nothing, unless a route has one
  parse: () => NOTHING,
  create(config, host): ProxyFilter {
    const own = host as ProxyFilterHost
    const request = compile(config.request, 'request', own)
    const response = compile(config.response, 'response', own)
    if (request.length + response.length === 0) return {}
    const tooLong = own.counter('metadata.too_long')
    return {
      ...(request.length === 0 ? {} : { onRequest: (context) => changeRequest(context, request, tooLong) }),
      ...(response.length === 0 ? {} : { onReply: (context) => changeReply(context, response, tooLong) }),
    }
  },
}

function compile(
  operations: readonly MetadataOperation[],
  side: 'request' | 'response',
  host: ProxyFilterHost,
): readonly CompiledOperation[] {
  const { mutation, name } = host.codec
  if (mutation !== 'both' && mutation !== side && operations.some(({ inMessage }) => inMessage))
    throw new Error(`listener '${host.listener.name}': metadata in_message: codec '${name}' cannot change ${side}s`)
  return operations.map((operation) => new CompiledOperation(operation, host))
}

interface Overflow {
  add(n: number): void
}

function changeRequest(
  context: FilterContext,
  operations: readonly CompiledOperation[],
  tooLong: Overflow,
): FilterStatus {
  const { request } = context
  for (let at = 0; at < operations.length; at++) {
    const operation = operations[at] as CompiledOperation
    const value = operation.valueFor(request, context)
    if (apply(operation, request, value, tooLong) && operation.inMessage) context.mutateRequest(operation.key, value)
  }
  return FilterStatus.Continue
}

function changeReply(
  context: FilterContext,
  operations: readonly CompiledOperation[],
  tooLong: Overflow,
): FilterStatus {
  const { reply, failure } = context
  // a local one has no metadata
  if (reply === null || failure !== null) return FilterStatus.Continue
  for (let at = 0; at < operations.length; at++) {
    const operation = operations[at] as CompiledOperation
    const value = operation.valueFor(reply, context)
    if (apply(operation, reply, value, tooLong) && operation.inMessage) context.mutateReply(operation.key, value)
  }
  return FilterStatus.Continue
}

/** False: there is nothing to set, or it would be too long. */
function apply(
  { key, removes }: CompiledOperation,
  message: Metadata,
  value: string | undefined,
  tooLong: Overflow,
): boolean {
  if (removes) {
    message.delete(key)
    return true
  }
  if (value === undefined) return false
  if (value.length > METADATA_LIMITS.valueLength) {
    tooLong.add(1)
    return false
  }
  message.set(key, value)
  return true
}

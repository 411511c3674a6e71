import { convertListener } from '../convert/listener.ts'
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.ts'
import type { ListenerConfig } from '../model/index.ts'
import { type ParsedResource, parseResource, type ResourceKind } from './parse-resource.ts'
import type { ResourceContext } from './resource-context.ts'

const LISTENER: ResourceKind<ListenerConfig> = {
  schema: ListenerSchema,
  nameField: 'name',
  convert: convertListener,
}

/** Reads the bytes of an envoy.config.listener.v3.Listener; never throws. */
export function parseListener(bytes: Uint8Array, context: ResourceContext): ParsedResource<ListenerConfig> {
  return parseResource(LISTENER, bytes, context)
}

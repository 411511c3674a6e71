/** Messages of Envoy that our own code has no words for, written field by field. */

import { BinaryWriter } from '@bufbuild/protobuf/wire'

type Field = readonly [number: number, value: string | number | Uint8Array]

const TYPES = 'type.googleapis.com/envoy.extensions.filters'

/** A Listener without an address, as gRPC clients want it: an HttpConnectionManager whose routes come over ADS. */
export function apiListener(name: string, routes: string): Uint8Array {
  const ads = message([3, message()])
  const router = any(`${TYPES}.http.router.v3.Router`, message())
  const connectionManager = message(
    [3, message([1, ads], [2, routes])],
    [5, message([1, 'envoy.filters.http.router'], [4, router])],
  )
  const listener = any(`${TYPES}.network.http_connection_manager.v3.HttpConnectionManager`, connectionManager)
  return message([1, name], [19, message([1, listener])])
}

/** A Listener that has a name and nothing else. */
export function nameOnly(name: string): Uint8Array {
  return message([1, name])
}

function any(typeUrl: string, value: Uint8Array): Uint8Array {
  return message([1, typeUrl], [2, value])
}

function message(...fields: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter()
  for (const [number, value] of fields) {
    if (typeof value === 'number') writer.tag(number, 0).uint32(value)
    else if (typeof value === 'string') writer.tag(number, 2).string(value)
    else writer.tag(number, 2).bytes(value)
  }
  return writer.finish()
}

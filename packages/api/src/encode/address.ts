import type { AddressSchema } from '../gen/envoy/config/core/v3/address_pb.ts'
import type { SocketAddress } from '../model/index.ts'
import type { Init } from './init.ts'

const UNIX = 'unix:'

export function addressInit({ host, port }: SocketAddress): Init<typeof AddressSchema> {
  if (host.startsWith(UNIX)) return { address: { case: 'pipe', value: { path: host.slice(UNIX.length) } } }
  const socket = { address: host, portSpecifier: { case: 'portValue' as const, value: port } }
  return { address: { case: 'socketAddress', value: socket } }
}

import type { AddressSchema } from '../gen/envoy/config/core/v3/address_pb.ts'
import type { SocketAddress } from '../model/index.ts'
import type { Init } from './init.ts'

export function addressInit({ host, port }: SocketAddress): Init<typeof AddressSchema> {
  const socket = { address: host, portSpecifier: { case: 'portValue' as const, value: port } }
  return { address: { case: 'socketAddress', value: socket } }
}

import type { SocketAddress } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

/** Which hosts are possible where an address stands. */
export type Hosts = 'ip' | 'ip of endpoint' | 'any'

const IPV4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/

export function isIpAddress(host: string): boolean {
  return IPV4.test(host) || (host.includes(':') && URL.canParse(`http://[${host}]`))
}

/** Reads field `name`, an Address; the kinds that are not socket addresses stay unread and are refused. */
export function convertAddress(owner: ConfigMessage, name: string, hosts: Hosts): SocketAddress | undefined {
  const address = owner.message(name)
  if (address === undefined) {
    owner.reportMissing(name)
    return undefined
  }
  return convertSocketAddress(address, hosts)
}

/** Reads an Address that stands by itself, in a list for example. */
export function convertSocketAddress(address: ConfigMessage, hosts: Hosts): SocketAddress | undefined {
  // where names are resolved there is no name in it
  if (hosts === 'ip of endpoint' && address.has('pipe')) {
    return { host: `unix:${address.message('pipe')?.text('path') ?? ''}`, port: 0 }
  }
  const socket = address.message('socket_address')
  if (socket === undefined) return undefined
  const host = socket.text('address')
  if (hosts !== 'any' && !isIpAddress(host)) {
    const hint = hosts === 'ip of endpoint' ? '; host names need a cluster of type STRICT_DNS or LOGICAL_DNS' : ''
    socket.error('address', `expected an IP address, got ${JSON.stringify(host)}${hint}`)
  }
  const protocol = socket.enumName('protocol')
  if (protocol !== 'TCP') socket.error('protocol', `${protocol} is not supported yet`)
  return { host, port: socket.number('port_value') ?? 0 }
}

import type { SocketAddress } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

const IPV4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/

export function isIpAddress(host: string): boolean {
  return IPV4.test(host) || (host.includes(':') && URL.canParse(`http://[${host}]`))
}

/** Reads field `name`, an Address; the kinds that are not socket addresses stay unread and are refused. */
export function convertAddress(owner: ConfigMessage, name: string, hosts: 'ip' | 'any'): SocketAddress | undefined {
  const address = owner.message(name)
  if (address === undefined) {
    owner.error(name, `${name} is required`)
    return undefined
  }
  const socket = address.message('socket_address')
  if (socket === undefined) return undefined
  const host = socket.text('address')
  if (hosts === 'ip' && !isIpAddress(host))
    socket.error('address', `expected an IP address, got ${JSON.stringify(host)}`)
  if (socket.enumName('protocol') !== 'TCP')
    socket.error('protocol', `${socket.enumName('protocol')} is not supported yet`)
  return { host, port: socket.number('port_value') ?? 0 }
}

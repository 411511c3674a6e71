/** `ip:port` as Envoy's admin JSON writes an address; IPv6 with or without brackets. */
export function socketAddressJson(address: string): unknown {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  return { socket_address: { address: host, port_value: Number(address.slice(colon + 1)) } }
}

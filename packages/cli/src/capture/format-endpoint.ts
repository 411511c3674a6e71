import { SocketAddress } from 'node:net'

const PORT_BYTES = 2
const IPV4_BYTES = 4

/** `127.0.0.1:80` or `[::1]:80`, from the latin1 bytes of an address and a port. */
export function formatEndpoint(endpoint: string): string {
  const bytes = Buffer.from(endpoint, 'latin1')
  const address = bytes.subarray(0, -PORT_BYTES)
  const port = bytes.readUInt16BE(address.length)
  return address.length === IPV4_BYTES ? `${address.join('.')}:${port}` : `[${formatIpv6(address)}]:${port}`
}

function formatIpv6(bytes: Buffer): string {
  const groups = bytes.toString('hex').match(/.{4}/g) as string[]
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address
}

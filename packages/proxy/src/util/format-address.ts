/** Before the path of a socket of the machine, where a host stands. */
export const UNIX = 'unix:'

/** `ip:port`, with brackets around an IPv6 address; the path of a socket as it is. */
export function formatAddress(host: string, port: number): string {
  if (host.startsWith(UNIX)) return host
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The other way round. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  if (address.startsWith(UNIX)) return { host: address, port: 0 }
  const at = address.lastIndexOf(':')
  const host = address.slice(0, at)
  return { host: host.startsWith('[') ? host.slice(1, -1) : host, port: Number(address.slice(at + 1)) }
}

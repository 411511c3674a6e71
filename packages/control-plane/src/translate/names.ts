/** Names as the reference has them, which logs, statistics and other control planes share. */

export function clusterName(host: string, port: number, subset = ''): string {
  return `outbound|${port}|${subset}|${host}`
}

/** Prefix of a listener's statistics. */
export function statPrefix(host: string, port: number): string {
  return `outbound|${port}||${host}`
}

/** Of a RouteConfiguration. */
export function routesName(host: string, port: number): string {
  return `${host}_${port}`
}

export function listenerName(address: string, port: number): string {
  return `${address}_${port}`
}

/** Hosts are compared as written, but for a dot at the end. */
export function plainHost(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host
}

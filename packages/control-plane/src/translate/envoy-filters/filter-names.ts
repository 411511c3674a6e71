/** Names of EnvoyFilters and VirtualServices, by which Aeraki and we find them again. */

/** Of objects for gateways. */
export const GATEWAY_PREFIX = 'aeraki-gateway-outbound-'
export const VIRTUAL_SERVICE_PREFIX = 'aeraki-vs-'

const MAX_LENGTH = 253
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

/** Of the traffic of clients to one address of a service. Throws for one that no object can have. */
export function outboundName(host: string, address: string, port: number): string {
  return checked(`${outboundPrefix(host)}${address.replaceAll(':', '-')}-${port}`)
}

/** Of the traffic that its workloads get. Throws for one that no object can have. */
export function inboundName(host: string, port: number): string {
  return checked(`${inboundPrefix(host)}${port}`)
}

/** What a Gateway of Istio, a name in a namespace, has at one of its ports. */
export interface GatewayPort {
  readonly name: string
  readonly namespace: string
  readonly port: number
}

/** Of the traffic that comes in there. Throws for one that no object can have. */
export function gatewayName({ name, namespace, port }: GatewayPort): string {
  return checked(`${GATEWAY_PREFIX}${name}.${namespace}-${port}`)
}

/** Of the VirtualService by which Istio listens there. Throws for one that no object can have. */
export function virtualServiceName({ name, namespace, port }: GatewayPort): string {
  return checked(`${VIRTUAL_SERVICE_PREFIX}${namespace}.${name}-${port}`)
}

/** Of a port of a service, or without one of all of it: what begins like this, and ends in the port, is its own. */
export function isNameOf(name: string, host: string, port?: number): boolean {
  if (!name.startsWith(outboundPrefix(host)) && !name.startsWith(inboundPrefix(host))) return false
  return port === undefined || name.endsWith(`-${port}`)
}

function outboundPrefix(host: string): string {
  return `aeraki-outbound-${host.toLowerCase()}-`
}

function inboundPrefix(host: string): string {
  return `aeraki-inbound-${host.toLowerCase()}-`
}

function checked(name: string): string {
  if (name.length <= MAX_LENGTH && SUBDOMAIN.test(name)) return name
  throw new TypeError(`no object in Kubernetes can be called ${JSON.stringify(name)}`)
}

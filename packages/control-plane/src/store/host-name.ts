/** Hosts are compared as written, but for a dot at the end. */
export function plainHost(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host
}

/** A name without a dot is that of a service of the own namespace. */
export function completeHost(host: string, namespace: string, domain: string): string {
  const plain = plainHost(host)
  return plain.includes('.') ? plain : serviceHost(plain, namespace, domain)
}

/** Host of a Service. */
export function serviceHost(name: string, namespace: string, domain: string): string {
  return `${name}.${namespace}.svc.${domain}`
}

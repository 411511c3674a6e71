import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** For each port on a page one that nobody listens on. */
export async function freePorts(named: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const probes = named.map(() => createServer().listen(0, '127.0.0.1'))
  await Promise.all(probes.map((probe) => once(probe, 'listening')))
  const ports = probes.map((probe) => String((probe.address() as AddressInfo).port))
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))))
  return new Map(named.map((name, index) => [name, ports[index] as string]))
}

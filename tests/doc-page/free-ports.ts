import { freePort } from '../harness/free-port.ts'

/** For each port on a page one that nobody listens on. */
export async function freePorts(named: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const ports = await Promise.all(named.map(() => freePort()))
  return new Map(named.map((name, index) => [name, String(ports[index])]))
}

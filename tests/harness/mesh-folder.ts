/** A folder of resources for one service in the sample protocol: its workloads, their versions and a router. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const GREETER_HOST = 'greeter.default.svc.cluster.local'

export interface MeshFolderOptions {
  /** Of the service, and so of the listener of a proxy. */
  readonly port: number
  /** Version → port of its workload. */
  readonly versions: Readonly<Record<string, number>>
  /** Requests share connections to workloads. */
  readonly multiplexing?: boolean
  /** Where the folder is made; default: among temporary files. */
  readonly parent?: string
}

export class MeshFolder implements Disposable {
  readonly path: string

  constructor(options: MeshFolderOptions) {
    this.path = mkdtempSync(join(options.parent ?? tmpdir(), 'meltemi-mesh-'))
    this.write('greeter.yaml', greeter(options))
  }

  /** All at once, as editors do it. */
  write(name: string, text: string): string {
    const file = join(this.path, name)
    writeFileSync(file, text)
    return file
  }

  remove(name: string): void {
    rmSync(join(this.path, name))
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** Weights by version; a version without a weight gets nothing. */
export function greeterRouter(weights: Readonly<Record<string, number>>, name = 'greeter'): string {
  const route = Object.entries(weights).map(
    ([subset, weight]) => `        - { destination: { host: ${GREETER_HOST}, subset: ${subset} }, weight: ${weight} }`,
  )
  return `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: ${name} }
spec:
  hosts: [${GREETER_HOST}]
  routes:
    - name: all
      route:
${route.join('\n')}
`
}

function greeter({ port, versions, multiplexing = false }: MeshFolderOptions): string {
  const workloads = Object.entries(versions).map(
    ([version, workloadPort]) => `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: greeter-${version} }
spec: { address: 127.0.0.1, ports: { tcp-metaprotocol-awesomerpc: ${workloadPort} }, labels: { app: greeter, version: ${version} } }
`,
  )
  const subsets = Object.keys(versions).map((version) => `{ name: ${version}, labels: { version: ${version} } }`)
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: greeter, annotations: { meltemi.io/multiplexing: '${multiplexing}' } }
spec:
  hosts: [${GREETER_HOST}]
  ports: [{ number: ${port}, name: tcp-metaprotocol-awesomerpc, protocol: TCP }]
  resolution: STATIC
  workloadSelector: { labels: { app: greeter } }
${workloads.join('')}---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: greeter }
spec: { host: ${GREETER_HOST}, subsets: [${subsets.join(', ')}] }
`
}

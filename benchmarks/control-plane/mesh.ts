// A mesh of services as people write them: a file for each, with its workloads, its versions and a router.

import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface MeshSize {
  readonly services: number
  /** Of each service; half of them are of version v1, half of v2. */
  readonly endpoints: number
}

/** What may become different of a service. */
export interface ServiceState {
  /** The last byte of the first endpoint's address. */
  readonly firstEndpoint: number
  /** Percent of the requests that go to v2. */
  readonly canary: number
}

const FIRST_PORT = 20_000
/** What a proxy has of one service: a listener, a route table, and three clusters with their endpoints. */
export const RESOURCES_OF_SERVICE = 8

export function serviceHost(service: number): string {
  return `service-${service}.default.svc.cluster.local`
}

export function routesName(service: number): string {
  return `${serviceHost(service)}_${FIRST_PORT + service}`
}

export function writeMesh(folder: string, { services, endpoints }: MeshSize): void {
  mkdirSync(folder, { recursive: true })
  const state = { firstEndpoint: 1, canary: 10 }
  for (let service = 0; service < services; service++) writeService(folder, { service, endpoints, state })
}

export interface ServiceWords {
  readonly service: number
  readonly endpoints: number
  readonly state: ServiceState
}

/** Whole or not at all, as deployment tools do it. */
export function writeService(folder: string, words: ServiceWords): void {
  const file = join(folder, `service-${String(words.service).padStart(4, '0')}.yaml`)
  writeFileSync(`${file}.new`, describeService(words))
  renameSync(`${file}.new`, file)
}

function describeService({ service, endpoints, state }: ServiceWords): string {
  const host = serviceHost(service)
  const addresses = Array.from({ length: endpoints }, (_, index) => (index === 0 ? state.firstEndpoint : index + 100))
  const workloads = addresses.map(
    (last, index) =>
      `    - { address: 10.${service >> 8}.${service & 255}.${last}, labels: { version: v${1 + (index % 2)} } }`,
  )
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: service-${service} }
spec:
  hosts: [${host}]
  ports: [{ number: ${FIRST_PORT + service}, name: tcp-metaprotocol-awesomerpc, protocol: TCP }]
  resolution: STATIC
  endpoints:
${workloads.join('\n')}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: service-${service} }
spec: { host: ${host}, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }
---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: service-${service} }
spec:
  hosts: [${host}]
  routes:
    - name: all
      route:
        - { destination: { host: ${host}, subset: v1 }, weight: ${100 - state.canary} }
        - { destination: { host: ${host}, subset: v2 }, weight: ${state.canary} }
`
}

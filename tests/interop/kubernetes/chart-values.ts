import { parseAllDocuments } from 'yaml'
import { CHART, runHelm } from '../../../scripts/render-manifest.ts'

export const SHA256: string = '0123456789abcdef'.repeat(4)
const DIGEST = `sha256:${SHA256}`
const CODEC = { protocol: 'mine', codec: 'example.codec.mine', file: 'codec.mjs', sha256: SHA256 }

export const IMAGE_CODEC: Values = { ...CODEC, name: 'mine', image: `registry.example/mine@${DIGEST}` }
export const MAP_CODEC: Values = { ...CODEC, name: 'yours', protocol: 'yours', configMap: 'yours' }
export const PROXY: Values = {
  enabled: true,
  scopes: ['greeter.example'],
  ports: [{ name: 'greeter', port: 9000 }],
}

export type Values = Readonly<Record<string, unknown>>

export interface Rendered {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly rules?: readonly unknown[]
  readonly spec?: { readonly template?: { readonly metadata: object; readonly spec: PodSpec } }
}

export interface PodSpec {
  readonly containers: readonly Container[]
  readonly terminationGracePeriodSeconds: number
}

export interface Container {
  readonly args: readonly string[]
  readonly env: readonly { readonly name: string; readonly value?: string }[]
  readonly securityContext: { readonly readOnlyRootFilesystem?: boolean }
  readonly resources: { readonly requests: Values; readonly limits: Values }
  readonly readinessProbe: Probe
  readonly livenessProbe: Probe
}

export interface Probe {
  readonly exec: { readonly command: readonly string[] }
}

/** Value sets which use, among them, everything that the chart has. */
export const VALUE_SETS: Readonly<Record<string, Values>> = {
  'as it comes': {},
  'an image by digest, on chosen nodes, with the API for Prometheus': {
    image: { repository: 'registry.example/meltemi', digest: DIGEST, pullSecrets: ['pull'] },
    controlPlane: {
      replicas: 1,
      apiHost: '0.0.0.0',
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ key: 'mesh', operator: 'Exists', effect: 'NoSchedule' }],
    },
    networkPolicy: { enabled: true, apiFrom: [{ podSelector: { matchLabels: { app: 'prometheus' } } }] },
  },
  'codecs from an OCI image and from a ConfigMap, and proxies': {
    codecs: [IMAGE_CODEC, MAP_CODEC],
    proxy: PROXY,
    networkPolicy: { enabled: true },
    webhook: { enabled: true, failurePolicy: 'Ignore' },
  },
}

/** Throws what Helm says when the chart refuses the values. */
export function renderText(values: Values, { release = 'mesh', namespace = 'meltemi' } = {}): string {
  return runHelm(['template', release, CHART, '--namespace', namespace, '--values', '-'], JSON.stringify(values))
}

export function render(values: Values, where: { release?: string; namespace?: string } = {}): readonly Rendered[] {
  return parseRendered(renderText(values, where))
}

export function parseRendered(text: string): readonly Rendered[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Rendered)
}

/** The pod of the Deployment whose name ends like this. */
export function podOf(rendered: readonly Rendered[], component: string): PodSpec {
  const found = rendered.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name.endsWith(component))
  const spec = found?.spec?.template?.spec
  if (spec === undefined) throw new Error(`no Deployment of ${component}`)
  return spec
}

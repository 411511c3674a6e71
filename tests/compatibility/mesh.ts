/** What was tried with Kubernetes and Istio: for docs/compatibility.md. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../scripts/workspace.ts'

/** The file and the title of a test that tries it, or why nobody has. */
export type Trial = { readonly file: string; readonly title: string } | { readonly untried: string }

export interface Mode {
  readonly mode: string
  /** With the API server. */
  readonly kubernetes: Trial
  /** What came of it by hand with an older one, see OLDER; default: untried. */
  readonly older?: string
  /** With istiod. */
  readonly istio: Trial
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: as they stand there
const CARRIES = "carries thrift and dubbo, with routes of Meltemi: ${delta ? 'delta' : 'state of the world'}"
// biome-ignore lint/suspicious/noTemplateCurlyInString: the same
const SENDS = 'sends what was recorded: ${name}'
const NONE: Trial = { untried: 'takes no part' }
const at = (file: string, title: string): Trial => ({ file: `tests/interop/${file}`, title })

/** Built by hand from the same module as the other one, and these tests run with it. */
export const OLDER = { version: '1.31.14', day: '2026-11-27' } as const

export const MODES: readonly Mode[] = [
  {
    mode: 'a control plane has its resources from the API server',
    kubernetes: at(
      'kubernetes/source.test.ts',
      'what is applied there gets to proxies, and so do changes and deletions',
    ),
    older: 'tried',
    istio: NONE,
  },
  {
    mode: 'definitions, and the webhook',
    kubernetes: at('kubernetes/webhook.test.ts', 'has what is wrong refused, in the words of meltemi validate'),
    older: 'tried',
    istio: NONE,
  },
  {
    mode: 'Helm chart and manifests',
    kubernetes: at('kubernetes/chart.test.ts', 'has Helm install, upgrade and remove it'),
    older: 'tried; it does not allow image volumes in `restricted` pods',
    istio: NONE,
  },
  {
    mode: 'in the place of Aeraki: EnvoyFilters',
    kubernetes: at(
      'kubernetes/envoy-filters.test.ts',
      'each service has its filters, those of Aeraki are taken over as they are, and those of others stay',
    ),
    istio: at(
      'kubernetes/envoy-filters.test.ts',
      'Istio puts them in front of clients and of workloads, where these listen',
    ),
  },
  {
    mode: 'in the place of Aeraki: Redis',
    kubernetes: at(
      'kubernetes/redis-filters.test.ts',
      'each service has its filters and its cluster, and those of a service that is gone go',
    ),
    istio: at('kubernetes/redis-filters.test.ts', 'Istio has the clusters in the place of its own'),
  },
  {
    mode: 'in the place of Aeraki: native Dubbo and Thrift',
    kubernetes: at(
      'kubernetes/native-filters.test.ts',
      'each port has its filters, and those that nothing stands for are gone',
    ),
    istio: { untried: 'untried: a real Envoy has the filters instead' },
  },
  {
    mode: 'a proxy is configured by istiod, with routes of ours',
    kubernetes: at('istio/proxy.test.ts', CARRIES),
    istio: at('istio/proxy.test.ts', CARRIES),
  },
  {
    mode: '[front](packet-paths.md#front)',
    kubernetes: { untried: 'untried: a pod with pilot-agent needs nodes' },
    istio: at('istio/mtls.test.ts', 'a client is who its certificate says, and the service lets us in'),
  },
  {
    mode: '[gateway](packet-paths.md#gateway)',
    kubernetes: { untried: 'untried: the same' },
    istio: at('istio/sends.test.ts', SENDS),
  },
  {
    mode: '[sidecar](packet-paths.md#sidecar), inbound',
    kubernetes: { untried: 'untried: the same, with iptables' },
    istio: at('istio/sidecar.test.ts', 'it says who a client is by its certificate: one is served, another is denied'),
  },
  {
    mode: '[waypoint](packet-paths.md#waypoint)',
    kubernetes: { untried: 'untried: ztunnel needs nodes' },
    istio: at(
      'istio/waypoint.test.ts',
      'ztunnel says who a client is: one is served, another is denied in its protocol',
    ),
  },
]

/** What cannot be had on a small machine without wider access to networks, what was seen when it was tried, what stands in. */
export const ABSENT: readonly { readonly what: string; readonly why: string; readonly instead: string }[] = [
  {
    what: 'a cluster with nodes: kubelet, pods, kube-proxy, networks that heed NetworkPolicies',
    why: 'not built: its images, and those of a network, come from registries that cannot be reached',
    instead:
      'the real API server over a real etcd; the commands of the chart as processes, with its accounts, as a user who is not root',
  },
  {
    what: 'Docker, in the tests',
    why: 'the base image cannot be had from its registry. By hand (2026-11-27, Docker 20.10 of Debian, a base of Debian 12 with Node 24) the Dockerfile was built, and control plane and proxy ran, read-only, without capabilities, as user 65532',
    instead: 'the steps of the Dockerfile, and what they make started as such a user',
  },
  {
    what: 'pulling the image of a codec, and mounting it',
    why: 'the same; the API server takes the Deployment with the feature gate `ImageVolume`',
    instead: 'the file of the codec in the folder where its volume would be',
  },
  {
    what: "Istio's own proxy, and the reference's with MetaProtocol in C++",
    why: 'neither is on PyPI, npm, Maven Central, Go’s module proxy, crates.io or in Debian, and both take hours to build',
    instead:
      'an upstream Envoy from PyPI, and a client of xDS with the metadata of such a node, which shows what it would get',
  },
  {
    what: 'ztunnel, pilot-agent in a pod, and Istio’s iptables',
    why: 'ztunnel is no published crate; the others need nodes. A network namespace and a rule of iptables can be made here, but no pod in it',
    instead: 'an Envoy that writes the PROXY header of a ztunnel, with certificates that the real istiod signs',
  },
  {
    what: 'istiod with files in the place of an API server',
    why: 'it panics in this version when it has no API server',
    instead: 'istiod beside the real API server',
  },
]

/** As the modules that the tests build say it. */
export function versions(): { readonly kubernetes: string; readonly istio: string } {
  const read = (path: string) => readFileSync(join(ROOT, 'tests/interop', path), 'utf8')
  const [, kubernetes = ''] = /k8s\.io\/kubernetes v(\S+)/.exec(read('kubernetes/server/go.mod')) ?? []
  const [, day = '', commit = ''] = /istio\.io\/istio v\S+-(\d{8})\d{6}-(\w+)/.exec(read('istio/server/go.mod')) ?? []
  return { kubernetes, istio: `its master of ${day.replace(/(....)(..)(..)/, '$1-$2-$3')} (${commit}), before 1.31` }
}

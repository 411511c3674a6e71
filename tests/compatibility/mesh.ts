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
  /** With istiod. */
  readonly istio: Trial
}

const NONE: Trial = { untried: 'takes no part' }
const at = (file: string, title: string): Trial => ({ file: `tests/interop/${file}`, title })

export const MODES: readonly Mode[] = [
  {
    mode: 'a control plane that has its resources from the API server',
    kubernetes: at(
      'kubernetes/source.test.ts',
      'what is applied there gets to proxies, and so do changes and deletions',
    ),
    istio: NONE,
  },
  {
    mode: 'Helm chart and manifests',
    kubernetes: at('kubernetes/chart.test.ts', 'has Helm install, upgrade and remove it'),
    istio: NONE,
  },
  {
    mode: 'a proxy that is configured by istiod, with routes of ours',
    kubernetes: NONE,
    istio: at(
      'istio/proxy.test.ts',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as it stands there
      "carries thrift and dubbo, with routes of Meltemi: ${delta ? 'delta' : 'state of the world'}",
    ),
  },
]

/** What cannot be had on a small machine without wider access to networks, what was seen when it was tried, what stands in. */
export const ABSENT: readonly { readonly what: string; readonly why: string; readonly instead: string }[] = [
  {
    what: 'a cluster with nodes: kubelet, containers, kube-proxy, a network that heeds NetworkPolicies',
    why: 'no container runtime: `docker` is not there, and images come from registries that cannot be reached',
    instead:
      'the real API server over a real etcd; the commands of the chart run as processes, with its accounts, as a user who is not root; the steps of the Dockerfile run without it',
  },
  {
    what: 'pulling an image, and mounting one as a volume',
    why: 'the same; the API server takes the Deployment with the feature gate `ImageVolume`',
    instead: 'the file of a codec in the folder where its volume would be',
  },
  {
    what: "Istio's own proxy, and the reference's with MetaProtocol in C++",
    why: 'neither is on npm, PyPI, Maven Central, Go’s module proxy, crates.io or Debian, and each takes hours to build',
    instead:
      'an upstream Envoy from PyPI; a client of xDS with the metadata of such a node, which shows what it would get',
  },
  {
    what: 'ztunnel, pilot-agent and the CNI plugin of Istio',
    why: 'the same: ztunnel is no published crate',
    instead: 'an Envoy that sends the PROXY header a ztunnel would send',
  },
]

/** As the modules that the tests build say it. */
export function versions(): { readonly kubernetes: string; readonly istio: string } {
  const read = (path: string) => readFileSync(join(ROOT, 'tests/interop', path), 'utf8')
  const [, kubernetes = ''] = /k8s\.io\/kubernetes v(\S+)/.exec(read('kubernetes/server/go.mod')) ?? []
  const [, day = '', commit = ''] = /istio\.io\/istio v\S+-(\d{8})\d{6}-(\w+)/.exec(read('istio/server/go.mod')) ?? []
  return { kubernetes, istio: `its master of ${day.replace(/(....)(..)(..)/, '$1-$2-$3')} (${commit}), before 1.31` }
}

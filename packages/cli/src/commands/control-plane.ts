/** `meltemi control-plane`: resources in, configuration for proxies out. */

import { setFlagsFromString } from 'node:v8'
import type { ControlPlaneOptions } from '@meltemi/control-plane'
import { Command } from 'commander'
import type { Console } from '../console.ts'
import {
  addControlPlaneOptions,
  CONTROL_PLANE_HELP,
  type ControlPlaneFlags,
  describeControlPlane,
  toControlPlaneOptions,
} from './control-plane-options.ts'
import { addMeshOptions, MESH_HELP, type MeshFlags, toMeshOptions } from './mesh-options.ts'
import { addWebhookOptions, toWebhookOptions, WEBHOOK_HELP, type WebhookFlags } from './webhook-options.ts'
import { addXdsTlsOptions, toXdsTls, type XdsTlsFlags } from './xds-tls-options.ts'

const HELP = `${CONTROL_PLANE_HELP}
An option that names a variable (env) takes it from the environment when it is not given itself.

Examples:
  Serve a folder, and let a proxy come for it:
    $ meltemi control-plane resources/
    $ meltemi proxy --xds 127.0.0.1:15010
  See what is there; the same is at http://127.0.0.1:15080/ for people:
    $ meltemi get metarouters,serviceentries -A
    $ meltemi proxy-status
  Serve the resources of a cluster, whose definitions are in deploy/crds:
    $ meltemi control-plane --kubernetes

Kubernetes:
  With --kubernetes resources come from the API server that kubectl would ask, or in a pod from that of its cluster: all of
  the kinds that it knows, in all namespaces, as they change. Workloads of Services have the labels of their pods. While the
  API server cannot be asked, what it said stays. Changes are made there: the API here only shows them. What became of
  a resource is written into its status, by one of several replicas: that which holds the Lease meltemi-control-plane.
${WEBHOOK_HELP}${MESH_HELP}
Signals:
  SIGTERM or SIGINT ends it; proxies keep what they have. A second one exits at once.

Exit code: 0 when it was asked to end, 1 for anything wrong, with one line on stderr per fault.
`

/** The command with its options; what they mean is said in `--help`. */
export function createControlPlaneCommand(console: Console, result: { exitCode: number }): Command {
  const command = new Command('control-plane')
    .description('Serves the resources of a folder, or of a cluster, to proxies, with an API and a live page.')
    .argument('[directory]', 'folder with resources, or one file')
    .option('--kubernetes', "resources come from Kubernetes' API server instead", false)
    .option('--kubeconfig <file>', 'which API server, and as whom (default: as kubectl finds it)')
    .option('--namespace <name>', 'where the Lease is that elects who writes status (default: the own one)')
  return addControlPlaneOptions(addXdsTlsOptions(addWebhookOptions(addMeshOptions(command))))
    .addHelpText('after', HELP)
    .action(async (directory: string | undefined, flags: Flags) => {
      result.exitCode = await runControlPlane(
        { ...toControlPlaneOptions(resourcesOf(directory, flags, command), flags), xdsTls: toXdsTls(flags, command) },
        flags,
        console,
      )
    })
}

interface Flags extends ControlPlaneFlags, MeshFlags, WebhookFlags, XdsTlsFlags {
  readonly kubernetes: boolean
  readonly kubeconfig?: string
  readonly namespace?: string
}

function resourcesOf(directory: string | undefined, flags: Flags, command: Command): ControlPlaneOptions['resources'] {
  const { kubernetes, kubeconfig, namespace } = flags
  const [mesh, webhook] = [toMeshOptions(flags), toWebhookOptions(flags)]
  if (!kubernetes && mesh !== undefined) command.error('error: only with --kubernetes is there something to write into')
  if (!kubernetes && webhook !== undefined) command.error('error: only with --kubernetes is there who asks a webhook')
  if (kubernetes && directory === undefined) return { kubeconfig, namespace, mesh, webhook }
  if (!kubernetes && directory !== undefined && kubeconfig === undefined && namespace === undefined) return directory
  if (directory !== undefined) command.error('error: resources come from a folder, or with --kubernetes from a cluster')
  return command.error('error: where do resources come from? Name a folder, or use --kubernetes')
}

async function runControlPlane(
  options: ControlPlaneOptions,
  flags: ControlPlaneFlags,
  console: Console,
): Promise<number> {
  // Else V8 lets a heap that changes slowly grow by a tenth before it goes through all of it again, which is a quarter of
  // what a change costs in a large mesh.
  setFlagsFromString('--heap-growing-percent=50')
  const { startControlPlane } = await import('@meltemi/control-plane')
  const { serveUntilSignal } = await import('./serve-until-signal.ts')
  return serveUntilSignal(async () => {
    const controlPlane = await startControlPlane(options)
    console.write(`ready: ${describeControlPlane(controlPlane, flags)}\n`)
    const done = Promise.withResolvers<number>()
    const end = (): void => void controlPlane.close().then(() => done.resolve(0), done.reject)
    return { drain: end, done: done.promise }
  })
}

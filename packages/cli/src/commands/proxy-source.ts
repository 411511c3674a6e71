/** Where a proxy's configuration comes from: a file, or a control plane. */

import { hostname } from 'node:os'
import { dirname } from 'node:path'
import {
  type BootstrapResult,
  loadBootstrap,
  parseBootstrap,
  type SocketAddress,
  type ValidateOptions,
} from '@meltemi/api'
import { CommandError } from '../command-error.ts'
import { xdsBootstrap } from '../xds-bootstrap.ts'

export interface SourceFlags {
  readonly config?: string
  readonly xds?: SocketAddress
  readonly nodeId?: string
  readonly nodeCluster?: string
  readonly nodeMetadata: ReadonlyMap<string, string>
  readonly scope: readonly string[]
}

export interface ConfigSource {
  /** For messages. */
  readonly name: string
  /** Paths in it are relative to this folder. */
  readonly folder: string
  /** The bootstrap that it gives. */
  load(options: ValidateOptions): BootstrapResult
}

/** Throws when it is not clear which one is meant. */
export function chooseSource(flags: SourceFlags): ConfigSource {
  const { config, xds } = flags
  if (config !== undefined && xds !== undefined) throw new CommandError(['--config and --xds exclude each other'])
  if (xds !== undefined) return controlPlane(flags, xds)
  if (config === undefined) throw new CommandError(['one of --config and --xds is required'])
  refuseNodeFlags(flags)
  return { name: config, folder: dirname(config), load: (options) => loadBootstrap(config, options) }
}

function controlPlane({ nodeId, nodeCluster, nodeMetadata, scope }: SourceFlags, address: SocketAddress): ConfigSource {
  const text = xdsBootstrap({
    address,
    nodeId: nodeId ?? hostname(),
    nodeCluster: nodeCluster ?? '',
    metadata: { ...Object.fromEntries(nodeMetadata), ...(scope.length === 0 ? {} : { SCOPE: scope }) },
  })
  return { name: '--xds', folder: '.', load: (options) => parseBootstrap(text, '--xds', options) }
}

function refuseNodeFlags({ nodeId, nodeCluster, nodeMetadata, scope }: SourceFlags): void {
  const given = [
    nodeId === undefined ? [] : ['--node-id'],
    nodeCluster === undefined ? [] : ['--node-cluster'],
    nodeMetadata.size === 0 ? [] : ['--node-metadata'],
    scope.length === 0 ? [] : ['--scope'],
  ].flat()
  if (given.length > 0) throw new CommandError(given.map((flag) => `${flag} needs --xds: a file has a node of its own`))
}

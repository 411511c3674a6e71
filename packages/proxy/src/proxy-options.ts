import type { ValidateOptions } from '@meltemi/api'
import type { ProxyConfig, SocketAddress } from '@meltemi/api/model'
import type { Configure } from './config/configure.ts'
import type { ModuleVersion } from './modules/module-version.ts'

export interface ProxyOptions {
  readonly config: ProxyConfig
  /** What the configuration was made of, in proto JSON; shown in `/config_dump`. */
  readonly bootstrap: Readonly<Record<string, unknown>>
  /** As they were loaded and checked, the built-in one among them. */
  readonly modules: readonly ModuleVersion[]
  /** Reload a module when one of its files changes. */
  readonly watchModules: boolean
  /** Worker threads; 0: traffic runs in the main thread. */
  readonly concurrency: number
  readonly adminAddress: SocketAddress
  readonly drainTimeS: number
  readonly logLevel: string
  /** undefined: from the container's limit. */
  readonly memoryLimitBytes: number | undefined
  /** How configuration that comes while the proxy runs is taken; where the bootstrap asks for none, it does not matter. */
  readonly xds?: XdsOptions
}

export interface XdsOptions {
  /** What resources are checked against, as the bootstrap was. */
  readonly rules: ValidateOptions
  /** Where the last good configuration is kept for a start without a control plane; undefined: nowhere. */
  readonly cacheFolder: string | undefined
}

export interface RunningProxy {
  /** In force now, with the ports that were really taken. */
  readonly config: ProxyConfig
  readonly adminAddress: SocketAddress
  /** Resolves with the exit code when everything has ended. */
  readonly done: Promise<number>
  readonly configure: Configure
  /** Access logs that were renamed get new files under their names. */
  reopenLogs(): void
  /** Not ready any more, then no new connections, then goodbye; ends when the last connection has, or when the time is over. */
  drain(): void
  /** Ends now. */
  stop(): Promise<void>
}

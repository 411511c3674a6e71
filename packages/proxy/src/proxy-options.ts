import type { ValidateOptions } from '@meltemi/api'
import type { ProxyConfig, SocketAddress } from '@meltemi/api/model'
import type { Configure } from './config/configure.ts'
import type { Estate } from './hot-restart.ts'
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
  /** Names of listeners that have a worker thread each, besides the others, which serves nothing else; default: none. */
  readonly ownThreads?: readonly string[]
  readonly adminAddress: SocketAddress
  readonly drainTimeS: number
  /** After a hot restart: how long the process before serves clients that do not leave; default 900. */
  readonly parentShutdownTimeS?: number
  /** Where it says its process id while it serves; undefined: nowhere. */
  readonly pidFile?: string | undefined
  /** What a process that this one takes the place of has handed on. */
  readonly estate?: Estate | undefined
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
  /** A new process of the same program takes the place of this one, which ends when its last client has gone. */
  hotRestart(): void
  /** Ends now. */
  stop(): Promise<void>
}

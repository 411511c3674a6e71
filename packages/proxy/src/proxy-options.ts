import type { ProxyConfig, SocketAddress } from '@meltemi/api/model'
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
}

export interface RunningProxy {
  readonly config: ProxyConfig
  readonly adminAddress: SocketAddress
  /** Resolves with the exit code when everything has ended. */
  readonly done: Promise<number>
  /** Not ready any more, then no new connections, then goodbye; ends when the last connection has, or when the time is over. */
  drain(): void
  /** Ends now. */
  stop(): Promise<void>
}

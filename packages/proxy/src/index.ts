export type { ModuleChange, ModuleReport } from './admin/inspector.ts'
export { ConfigRefused, type Configure, type ResourceKind, type VersionOf } from './config/configure.ts'
export type { ProxyUpdate } from './config/listener-manager.ts'
export { SecretStore } from './config/secret-store.ts'
export { CONTRACT, CONTRACT_VERSIONS, type ContractVersion } from './contract-versions.ts'
export { takeEstate } from './hot-restart.ts'
export type { ModuleVersion } from './modules/module-version.ts'
export { absoluteModulePaths, builtIn, type LoadedModules, loadModules } from './modules.ts'
export type { ListeningSocket, ListenOptions, Network, Socket, SocketHandler } from './net/network.ts'
export { nodeNetwork } from './net/node-network.ts'
export { TlsSecrets } from './net/tls/tls-secrets.ts'
export type { Batch, Destination, Outlet } from './observe/export/outlet.ts'
export { FAILURES } from './observe/failure-table.ts'
export { type EndpointStatus, Proxy, type ProxyParts } from './proxy.ts'
export type { ProxyOptions, RunningProxy } from './proxy-options.ts'
export {
  type ClusterShare,
  explainRoutes,
  type HashKey,
  type JudgedRoute,
  type RouteEffect,
  type RouteExplanation,
  type RouteLoss,
} from './routing/explain.ts'
export { startProxy } from './start-proxy.ts'
export { type LimitShare, SharedLimits } from './upstream/shared-limits.ts'
export { createRandom, type Random, SeededRandom } from './util/random.ts'
export { V8_FLAGS } from './v8-flags.ts'

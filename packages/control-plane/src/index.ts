export type { RunningApi } from './admin/api.ts'
export type { Backend, BackendChange, ResourceEvent, ResourceStatus, StoredResource } from './admin/backend.ts'
export { type AnalyzeOptions, analyze } from './analyze.ts'
export {
  type ControlPlane,
  type ControlPlaneOptions,
  type KubernetesOptions,
  startControlPlane,
} from './control-plane.ts'
export type { WebhookOptions } from './kubernetes/cluster-webhook.ts'
export type { MeshOptions } from './kubernetes/mesh-options.ts'
export { type ServiceTable, serviceTables } from './service-tables.ts'
export type { Source, SourceSink } from './sources/source.ts'
export type { DefaultProtocol } from './store/protocol-table.ts'
export { validateResource, validateResources } from './store/validate.ts'
export type { CodecModule, ProtocolView, ServicePort, ServiceView, WorkloadEndpoint, World } from './store/world.ts'
export type { TlsFiles } from './xds/tls-files.ts'
export type { NodeInfo, ProxyStatus, Snapshot, TypeStatus, XdsResource } from './xds/xds-resource.ts'
export { type XdsAddress, type XdsLimits, XdsServer, type XdsServerOptions } from './xds/xds-server.ts'

export type { Source, SourceSink } from './sources/source.ts'
export { validateResource, validateResources } from './store/validate.ts'
export type { CodecModule, ProtocolView, ServicePort, ServiceView, WorkloadEndpoint, World } from './store/world.ts'
export type { NodeInfo, ProxyStatus, Snapshot, TypeStatus, XdsResource } from './xds/xds-resource.ts'

/** The words of the model in protobuf, for those who hand out configuration. Reading is the other way: `convert`. */
export { encodeCluster } from './encode/cluster.ts'
export { type CodecModuleConfig, encodeCodecModule } from './encode/codec-module.ts'
export { encodeEndpoints } from './encode/endpoints.ts'
export { encodeListener } from './encode/listener.ts'
export { metaRoutesToJson } from './encode/meta-routes-to-json.ts'
export { encodeRoutes } from './encode/routes.ts'
export { xdsToJson } from './encode/xds-to-json.ts'

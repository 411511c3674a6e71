import { parseBootstrap } from '../../parse-bootstrap.ts'

/** Reads a bootstrap whose one MetaProtocolProxy has this setting besides what it must have; `rest` stands at its top. */
export function parseWithSetting(setting: string, rest = ''): ReturnType<typeof parseBootstrap> {
  return parseBootstrap(
    `
${rest}
static_resources:
  clusters: {name: c}
  listeners:
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
      filters:
        name: any
        typed_config: {
          "@type": type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy,
          stat_prefix: s, protocol: {name: p, codec: {name: c}}, route_config: {routes: [{route: {cluster: c}}]},
          ${setting}}
`,
    'file.yaml',
  )
}

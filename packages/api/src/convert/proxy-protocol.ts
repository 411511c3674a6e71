import type { ListenerConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

/** Where Envoy would put a TLV among its metadata; here it means that the TLV says who the client is. */
const NAMESPACE = 'meltemi.client'
const KEY = 'principal'

export type ProxyHeaderConfig = Pick<ListenerConfig, 'proxyProtocol' | 'identityTlv'>

/** Reads Envoy's ProxyProtocol; of its rules only the one for who the client is: all other TLVs are properties anyway. */
export function convertProxyProtocol(filter: ConfigMessage): ProxyHeaderConfig {
  const [rule, another] = filter.messages('rules')
  if (another !== undefined) another.problems.error(another, 'more than one rule is not supported')
  another?.handOver()
  if (rule === undefined) return { proxyProtocol: true }
  const target = rule.message('on_tlv_present')
  const [namespace, key] = [target?.text('metadata_namespace') ?? '', target?.text('key') ?? '']
  if (namespace !== NAMESPACE || key !== KEY)
    rule.error(
      'on_tlv_present',
      `expected metadata_namespace ${NAMESPACE} and key ${KEY}: other TLVs are properties anyway`,
    )
  return { proxyProtocol: true, identityTlv: rule.number('tlv_type') ?? 0 }
}

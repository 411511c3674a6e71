import type { ListenerConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

/** Where Envoy would put a TLV among its metadata; here it means that the TLV says who the client is. */
const TARGET = { metadata_namespace: 'meltemi.client', key: 'principal' }

export type ProxyHeaderConfig = Pick<ListenerConfig, 'proxyProtocol' | 'identityTlv'>

/** Reads Envoy's ProxyProtocol; of its rules only the one for who the client is: all other TLVs are properties anyway. */
export function convertProxyProtocol(filter: ConfigMessage): ProxyHeaderConfig {
  const [rule, another] = filter.messages('rules')
  if (another !== undefined) another.problems.error(another, 'more than one rule is not supported')
  another?.handOver()
  if (rule === undefined) return { proxyProtocol: true }
  const target = rule.message('on_tlv_present')
  if (target === undefined) rule.reportMissing('on_tlv_present')
  else for (const [field, expected] of Object.entries(TARGET)) check(target, field, expected)
  return { proxyProtocol: true, identityTlv: rule.number('tlv_type') ?? 0 }
}

function check(target: ConfigMessage, field: string, expected: string): void {
  if (target.text(field) === expected) return
  target.error(field, `expected ${expected}: other TLVs are properties anyway`)
}

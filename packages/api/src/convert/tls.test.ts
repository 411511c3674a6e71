import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Problem } from '../model/index.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'

const TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3'
const CERTIFICATE = '{certificate_chain: {filename: /c}, private_key: {filename: /k}}'
const OPTIONS = {
  codecs: new Map([['test.codec', {}]]),
  filters: new Map([['test.Guard', { name: 'guard', parse: (json: unknown) => json }]]),
}

function parse(
  context: string,
  more = '',
  filters = '',
): { readonly problems: readonly Problem[]; readonly config: unknown } {
  const filter = `{name: m, typed_config: {"@type": a/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy, stat_prefix: s,
    protocol: {name: p, codec: {name: test.codec}}, route_config: {name: r, routes: []}${filters}}}`
  const socket =
    context === ''
      ? ''
      : `transport_socket: {name: tls, typed_config: {"@type": ${TYPE}.DownstreamTlsContext, ${context}}},`
  const listener = `{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 1}}, filter_chains: [{${socket} filters: [${filter}]}]}`
  return parseBootstrap(`static_resources: {listeners: [${listener}]${more}}`, 'test.yaml', OPTIONS)
}

function told(context: string, more = '', filters = ''): readonly string[] {
  return parse(context, more, filters).problems.map(
    ({ severity, path, message }) => `${severity} ${path.replace(/^.*typed_config\.?/, '')}: ${message}`,
  )
}

const common = (text: string) => `common_tls_context: {${text}}`

test('what TLS cannot be is refused with its place', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['require_client_certificate: false', 'error common_tls_context: common_tls_context is required'],
    [common(''), 'error common_tls_context: a server needs a certificate: tls_certificates or an SDS secret'],
    [
      common('tls_certificates: [{certificate_chain: {filename: /c}}]'),
      'error common_tls_context.tls_certificates[0].private_key: private_key is required',
    ],
    [
      common(`tls_certificates: [${CERTIFICATE}], tls_params: {tls_minimum_protocol_version: TLSv1_0}`),
      'error common_tls_context.tls_params.tls_minimum_protocol_version: TLSv1_0 is not supported, it is not safe',
    ],
    [
      common(`tls_certificates: [${CERTIFICATE}], tls_params: {cipher_suites: [ECDHE-NONE]}`),
      'error common_tls_context.tls_params.cipher_suites: there is no cipher "ECDHE-NONE"',
    ],
    [
      common(`tls_certificates: [${CERTIFICATE}], validation_context: {trust_chain_verification: ACCEPT_UNTRUSTED}`),
      'error common_tls_context.validation_context.trust_chain_verification: ACCEPT_UNTRUSTED is not supported',
    ],
    [
      common(`tls_certificates: [${CERTIFICATE}], validation_context: {allow_expired_certificate: true}`),
      'error common_tls_context.validation_context.allow_expired_certificate: allow_expired_certificate is not supported yet',
    ],
    [
      common(`tls_certificates: [${CERTIFICATE}], alpn_protocols: [h2, ""]`),
      'error common_tls_context.alpn_protocols: expected names of 1 to 255 bytes, got one of 0',
    ],
    [
      common(`tls_certificates: [${CERTIFICATE}], alpn_protocols: [${'a'.repeat(256)}]`),
      'error common_tls_context.alpn_protocols: expected names of 1 to 255 bytes, got one of 256',
    ],
    [
      common(
        `tls_certificates: [${CERTIFICATE}], validation_context: {match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: a}}]}`,
      ),
      'error common_tls_context.validation_context: names of certificates without trusted_ca prove nothing: anybody can have them',
    ],
    [
      common('tls_certificate_sds_secret_configs: [{name: nobody}]'),
      'error common_tls_context.tls_certificate_sds_secret_configs[0].name: there is no secret "nobody" among static_resources, and no sds_config',
    ],
    [
      `${common(`tls_certificates: [${CERTIFICATE}]`)}, session_ticket_keys: {keys: [{filename: /t}]}`,
      'error session_ticket_keys: session_ticket_keys is not supported yet',
    ],
  ]
  for (const [context, expected] of cases) assert.ok(told(context).includes(expected), told(context).join('\n'))
})

test('a secret of static_resources takes the place of its name', () => {
  const secrets = `, secrets: [{name: own, tls_certificate: ${CERTIFICATE}}, {name: peers, validation_context: {trusted_ca: {filename: /ca}}}]`
  const context = common(
    'tls_certificate_sds_secret_configs: [{name: own}], combined_validation_context: {default_validation_context: {match_typed_subject_alt_names: [{san_type: URI, matcher: {prefix: spiffe}}]}, validation_context_sds_secret_config: {name: peers}}',
  )
  assert.deepEqual(told(context, secrets), [])
  const { config } = parse(context, secrets) as {
    config: { listeners: [{ tls: { certificates: unknown; validation: unknown } }] }
  }
  const { certificates, validation } = config.listeners[0].tls
  assert.deepEqual(certificates, [{ chain: { kind: 'file', path: '/c' }, privateKey: { kind: 'file', path: '/k' } }])
  assert.deepEqual(validation, {
    trustedCa: { kind: 'file', path: '/ca' },
    sans: [{ type: 'uri', match: { kind: 'prefix', text: 'spiffe', ignoreCase: false } }],
    spki: [],
    hashes: [],
  })
  const wrong = common('tls_certificate_sds_secret_configs: [{name: peers}]')
  assert.ok(told(wrong, secrets).some((line) => line.endsWith('secret "peers" is a validation, not a certificate')))
})

test('a filter that asks who the client is, where no client must say it, is a warning', () => {
  const guard =
    ', meta_protocol_filters: [{name: guard, config: {"@type": a/xds.type.v3.TypedStruct, type_url: a/test.Guard, value: {policies: {p: {principals: [{authenticated: {}}]}}}}}]'
  const open = common(`tls_certificates: [${CERTIFICATE}]`)
  const validated = common(`tls_certificates: [${CERTIFICATE}], validation_context: {trusted_ca: {filename: /ca}}`)
  const warning = 'filter "guard" asks who the client is, but no client must show a certificate that is verified'
  for (const context of ['', open, validated])
    assert.ok(
      told(context, '', guard).some((line) => line.includes(warning)),
      told(context, '', guard).join('\n'),
    )
  assert.deepEqual(told(`${validated}, require_client_certificate: true`, '', guard), [])
  const pins = `validation_context: {verify_certificate_hash: [${'a'.repeat(64)}]}`
  const pinned = common(`tls_certificates: [${CERTIFICATE}], ${pins}`)
  assert.deepEqual(told(`${pinned}, require_client_certificate: true`, '', guard), [])
  assert.deepEqual(told('', '', guard.replace('authenticated', 'any')), [])
})

test('a session lasts no longer than OpenSSL can count', () => {
  const { config } = parse(`${common(`tls_certificates: [${CERTIFICATE}]`)}, session_timeout: 3000000000s`)
  const { listeners } = config as { listeners: [{ tls: { sessionTimeoutS: number } }] }
  assert.equal(listeners[0].tls.sessionTimeoutS, 2 ** 31 - 1)
})

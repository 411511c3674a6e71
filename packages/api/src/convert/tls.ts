import { getCiphers } from 'node:tls'
import {
  type CommonTlsConfig,
  type DownstreamTlsConfig,
  knowsClients,
  type SecretRef,
  type TlsVersion,
  type UpstreamTlsConfig,
} from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { isIpAddress } from './address.ts'
import { convertConfigSource } from './config-source.ts'
import type { SourceContext } from './convert-context.ts'
import { refuseOldVersion } from './grpc-service.ts'
import { PEER_EXCHANGE } from './peer-exchange.ts'
import { convertCertificate, convertValidation } from './tls-secrets.ts'

const DOWNSTREAM = 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'
const UPSTREAM = 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'
const RAW_BUFFER = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'
const HANDSHAKE_TIMEOUT_MS = 15_000
/** BoringSSL's, as Envoy says. */
const SESSION_TIMEOUT_S = 7_200
/** OpenSSL counts no further; more is no end. */
const MAX_SESSION_TIMEOUT_S = 2 ** 31 - 1
const MAX_ALPN_BYTES = 255
const VERSIONS: Readonly<Record<string, TlsVersion>> = { TLSv1_2: 'TLSv1.2', TLSv1_3: 'TLSv1.3' }

type Peer = Pick<CommonTlsConfig, 'validation' | 'validationSecret'>

/** Reads `transport_socket` of a filter chain; undefined: plain. */
export function convertDownstreamTls(chain: ConfigMessage, sources: SourceContext): DownstreamTlsConfig | undefined {
  const context = transportSocket(chain, DOWNSTREAM)
  if (context === undefined) return undefined
  const common = convertCommon(context, sources)
  if (common === undefined) return undefined
  if (common.certificates.length + common.certificateSecrets.length === 0)
    context.error('common_tls_context', 'a server needs a certificate: tls_certificates or an SDS secret')
  const requireClientCertificate = context.flag('require_client_certificate') ?? false
  if (requireClientCertificate && !knowsClients({ tls: { ...common, requireClientCertificate } }))
    context.warning('require_client_certificate', 'nothing says who may sign it: any certificate will do')
  return {
    ...common,
    requireClientCertificate,
    resumption: !(context.flag('disable_stateless_session_resumption') ?? false),
    sessionTimeoutS: sessionTimeout(context),
    handshakeTimeoutMs: chain.durationMs('transport_socket_connect_timeout') ?? HANDSHAKE_TIMEOUT_MS,
  }
}

function sessionTimeout(context: ConfigMessage): number {
  const seconds = Math.ceil((context.durationMs('session_timeout') ?? SESSION_TIMEOUT_S * 1000) / 1000)
  return Math.min(seconds, MAX_SESSION_TIMEOUT_S)
}

/** Reads `transport_socket` of a cluster, or of one of its transport_socket_matches; undefined: plain. */
export function convertUpstreamTls(owner: ConfigMessage, sources: SourceContext): UpstreamTlsConfig | undefined {
  const context = transportSocket(owner, UPSTREAM)
  const common = context === undefined ? undefined : convertCommon(context, sources)
  if (context === undefined || common === undefined) return undefined
  const { validation, validationSecret } = common
  const isOpen =
    validation?.trustedCa === undefined && (validation?.hashes.length ?? 0) + (validation?.spki.length ?? 0) === 0
  if (isOpen && validationSecret === undefined)
    context.warning('common_tls_context', 'nothing says who may sign the certificate of a service: any will do')
  const sni = context.text('sni')
  if (isIpAddress(sni)) context.error('sni', 'must be a host name, not an IP address')
  return { ...common, sni, maxSessionKeys: context.number('max_session_keys') ?? 1 }
}

function transportSocket(owner: ConfigMessage, wanted: string): ConfigMessage | undefined {
  const socket = owner.message('transport_socket')
  if (socket === undefined) return undefined
  const config = socket.any('typed_config')
  if (config === undefined) socket.reportMissing('typed_config')
  else if (config.typeName === wanted) return config.message
  else if (config.typeName !== RAW_BUFFER)
    socket.problems.refuse(config, `transport socket ${config.typeName} is not supported here`)
  return undefined
}

function convertCommon(context: ConfigMessage, sources: SourceContext): CommonTlsConfig | undefined {
  const common = context.message('common_tls_context')
  if (common === undefined) {
    context.reportMissing('common_tls_context')
    return undefined
  }
  const given = common.messages('tls_certificates').flatMap((each) => convertCertificate(each) ?? [])
  const named = common
    .messages('tls_certificate_sds_secret_configs')
    .map((each) => secretOf(each, sources, 'certificate'))
  return {
    certificates: [...given, ...named.flatMap((each) => each?.certificate ?? [])],
    certificateSecrets: named.flatMap((each) => each?.ref ?? []),
    ...convertPeer(common, sources),
    alpn: convertAlpn(common),
    ...convertParameters(common.message('tls_params')),
  }
}

/** As they stand on the wire, behind one byte of length. */
function convertAlpn(common: ConfigMessage): readonly string[] {
  const names = common.texts('alpn_protocols')
  for (const name of names) {
    const bytes = Buffer.byteLength(name)
    if (bytes === 0 || bytes > MAX_ALPN_BYTES)
      common.error('alpn_protocols', `expected names of 1 to ${MAX_ALPN_BYTES} bytes, got one of ${bytes}`)
  }
  return names.filter((name) => name !== PEER_EXCHANGE)
}

function convertPeer(common: ConfigMessage, sources: SourceContext): Peer {
  const peer = convertPeerParts(common, sources)
  const { validation, validationSecret } = peer
  // as Envoy: whoever signs himself can have any name
  if (validationSecret === undefined && validation?.trustedCa === undefined && (validation?.sans.length ?? 0) > 0)
    common.error('validation_context', 'names of certificates without trusted_ca prove nothing: anybody can have them')
  return peer
}

function convertPeerParts(common: ConfigMessage, sources: SourceContext): Peer {
  const combined = common.message('combined_validation_context')
  const own = combined?.message('default_validation_context') ?? common.message('validation_context')
  const config =
    combined?.message('validation_context_sds_secret_config') ?? common.message('validation_context_sds_secret_config')
  const validation = own === undefined ? undefined : convertValidation(own)
  const named = config === undefined ? undefined : secretOf(config, sources, 'validation')
  const fixed = named?.validation
  if (fixed === undefined) return { validation, validationSecret: named?.ref }
  const { sans = [], spki = [], hashes = [] } = validation ?? {}
  const merged = {
    sans: [...sans, ...fixed.sans],
    spki: [...spki, ...fixed.spki],
    hashes: [...hashes, ...fixed.hashes],
  }
  return { validation: { ...validation, ...fixed, ...merged }, validationSecret: undefined }
}

/** Without a source a secret is one of static_resources: then what it holds takes its place. */
function secretOf(config: ConfigMessage, sources: SourceContext, kind: 'certificate' | 'validation') {
  const name = config.text('name')
  if (name === '') config.reportMissing('name')
  if (config.has('sds_config')) {
    const ref = secretRef(config, name, sources)
    return ref === undefined ? undefined : { ref }
  }
  const found = sources.secrets?.get(name)
  if (found === undefined) {
    config.error('name', `there is no secret ${JSON.stringify(name)} among static_resources, and no sds_config`)
    return undefined
  }
  if (found.kind !== kind) config.error('name', `secret ${JSON.stringify(name)} is a ${found.kind}, not a ${kind}`)
  return found.kind === 'certificate' ? { certificate: found.certificate } : { validation: found.validation }
}

function secretRef(config: ConfigMessage, name: string, sources: SourceContext): SecretRef | undefined {
  const path = config.message('sds_config')?.message('path_config_source')
  if (path === undefined) {
    const source = convertConfigSource(config, 'sds_config', sources)
    return source === undefined ? undefined : { name, source }
  }
  const sds = config.message('sds_config')
  if (sds !== undefined) refuseOldVersion(sds, 'resource_api_version')
  return { name, source: { kind: 'path', path: path.text('path') } }
}

function convertParameters(
  params: ConfigMessage | undefined,
): Pick<CommonTlsConfig, 'minVersion' | 'maxVersion' | 'ciphers' | 'curves'> {
  const minVersion = version(params, 'tls_minimum_protocol_version', 'TLSv1.2')
  const maxVersion = version(params, 'tls_maximum_protocol_version', 'TLSv1.3')
  if (minVersion > maxVersion) params?.error('tls_maximum_protocol_version', `is less than the minimum, ${minVersion}`)
  const known = new Set(getCiphers().map((name) => name.toUpperCase()))
  const ciphers = (params?.texts('cipher_suites') ?? []).flatMap((each) => each.replace(/^\[(.*)\]$/, '$1').split('|'))
  for (const name of ciphers)
    if (!known.has(name.toUpperCase())) params?.error('cipher_suites', `there is no cipher ${JSON.stringify(name)}`)
  return { minVersion, maxVersion, ciphers, curves: params?.texts('ecdh_curves') ?? [] }
}

function version(params: ConfigMessage | undefined, field: string, byDefault: TlsVersion): TlsVersion {
  const name = params?.enumName(field) ?? 'TLS_AUTO'
  if (name === 'TLS_AUTO') return byDefault
  const found = VERSIONS[name]
  if (found === undefined) params?.error(field, `${name} is not supported, it is not safe`)
  return found ?? byDefault
}

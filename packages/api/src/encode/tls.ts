import { create, type JsonObject } from '@bufbuild/protobuf'
import { anyPack, durationFromMs } from '@bufbuild/protobuf/wkt'
import type { DataSourceSchema, TransportSocketSchema } from '../gen/envoy/config/core/v3/base_pb.ts'
import { RawBufferSchema } from '../gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts'
import {
  type CertificateValidationContextSchema,
  SubjectAltNameMatcher_SanType,
  type TlsCertificateSchema,
  TlsParameters_TlsProtocol,
} from '../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts'
import type { SdsSecretConfigSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import {
  type CommonTlsContextSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts'
import type { StringMatcherSchema } from '../gen/envoy/type/matcher/v3/string_pb.ts'
import type {
  CommonTlsConfig,
  DataSource,
  DownstreamTlsConfig,
  SanMatcherConfig,
  SecretRef,
  StringMatch,
  TlsCertificateConfig,
  TlsValidationConfig,
  TransportMatch,
  UpstreamTlsConfig,
} from '../model/index.ts'
import { configSourceInit } from './config-source.ts'
import type { Init } from './init.ts'

type TransportSocketInit = Init<typeof TransportSocketSchema>
type CommonInit = Init<typeof CommonTlsContextSchema>
type ValidationInit = Init<typeof CertificateValidationContextSchema>

const TLS = 'envoy.transport_sockets.tls'
const SESSION_TIMEOUT_S = 7_200
const SAN_TYPE: Readonly<Record<Exclude<SanMatcherConfig['type'], 'any'>, SubjectAltNameMatcher_SanType>> = {
  uri: SubjectAltNameMatcher_SanType.URI,
  dns: SubjectAltNameMatcher_SanType.DNS,
  ip: SubjectAltNameMatcher_SanType.IP_ADDRESS,
  email: SubjectAltNameMatcher_SanType.EMAIL,
}

/** Of a listener's filter chain. */
export function downstreamTlsInit(tls: DownstreamTlsConfig): TransportSocketInit {
  const { requireClientCertificate, resumption, sessionTimeoutS } = tls
  const value = create(DownstreamTlsContextSchema, {
    commonTlsContext: commonInit(tls),
    ...(requireClientCertificate ? { requireClientCertificate } : {}),
    ...(sessionTimeoutS === SESSION_TIMEOUT_S ? {} : { sessionTimeout: durationFromMs(sessionTimeoutS * 1000) }),
    ...(resumption ? {} : { sessionTicketKeysType: { case: 'disableStatelessSessionResumption', value: true } }),
  })
  return { name: TLS, configType: { case: 'typedConfig', value: anyPack(DownstreamTlsContextSchema, value) } }
}

/** Of a cluster. */
export function upstreamTlsInit(tls: UpstreamTlsConfig): TransportSocketInit {
  const { sni, maxSessionKeys } = tls
  const value = create(UpstreamTlsContextSchema, {
    commonTlsContext: commonInit(tls),
    sni,
    ...(maxSessionKeys === 1 ? {} : { maxSessionKeys }),
  })
  return { name: TLS, configType: { case: 'typedConfig', value: anyPack(UpstreamTlsContextSchema, value) } }
}

export function transportMatchInit({ name, match, tls }: TransportMatch) {
  const raw = anyPack(RawBufferSchema, create(RawBufferSchema))
  const plain: TransportSocketInit = {
    name: 'envoy.transport_sockets.raw_buffer',
    configType: { case: 'typedConfig', value: raw },
  }
  return { name, match: match as JsonObject, transportSocket: tls === undefined ? plain : upstreamTlsInit(tls) }
}

function commonInit(tls: CommonTlsConfig): CommonInit {
  const { certificates, certificateSecrets, alpn } = tls
  return {
    tlsCertificates: certificates.map(certificateInit),
    tlsCertificateSdsSecretConfigs: certificateSecrets.map(secretRefInit),
    ...peerInit(tls),
    alpnProtocols: [...alpn],
    ...parametersInit(tls),
  }
}

function peerInit({ validation, validationSecret }: CommonTlsConfig): CommonInit {
  if (validation === undefined && validationSecret === undefined) return {}
  if (validationSecret === undefined)
    return { validationContextType: { case: 'validationContext', value: validationInit(validation) } }
  const secret = secretRefInit(validationSecret)
  if (validation === undefined)
    return { validationContextType: { case: 'validationContextSdsSecretConfig', value: secret } }
  const value = { defaultValidationContext: validationInit(validation), validationContextSdsSecretConfig: secret }
  return { validationContextType: { case: 'combinedValidationContext', value } }
}

function parametersInit({ minVersion, maxVersion, ciphers, curves }: CommonTlsConfig): CommonInit {
  const isDefault = minVersion === 'TLSv1.2' && maxVersion === 'TLSv1.3' && ciphers.length + curves.length === 0
  if (isDefault) return {}
  return {
    tlsParams: {
      ...(minVersion === 'TLSv1.2' ? {} : { tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3 }),
      ...(maxVersion === 'TLSv1.3' ? {} : { tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2 }),
      cipherSuites: [...ciphers],
      ecdhCurves: [...curves],
    },
  }
}

export function certificateInit(config: TlsCertificateConfig): Init<typeof TlsCertificateSchema> {
  const { chain, privateKey, password } = config
  return {
    certificateChain: sourceInit(chain),
    privateKey: sourceInit(privateKey),
    ...(password === undefined ? {} : { password: sourceInit(password) }),
  }
}

export function validationInit(validation: TlsValidationConfig | undefined): ValidationInit {
  const { trustedCa, crl, sans = [], spki = [], hashes = [] } = validation ?? {}
  const typed = sans.flatMap(({ type, match }) =>
    type === 'any' ? [] : [{ sanType: SAN_TYPE[type], matcher: matcherInit(match) }],
  )
  return {
    ...(trustedCa === undefined ? {} : { trustedCa: sourceInit(trustedCa) }),
    ...(crl === undefined ? {} : { crl: sourceInit(crl) }),
    matchTypedSubjectAltNames: typed,
    matchSubjectAltNames: sans.flatMap(({ type, match }) => (type === 'any' ? [matcherInit(match)] : [])),
    verifyCertificateSpki: [...spki],
    verifyCertificateHash: [...hashes],
  }
}

function matcherInit(match: StringMatch): Init<typeof StringMatcherSchema> {
  if (match.kind === 'regex') return { matchPattern: { case: 'safeRegex', value: { regex: match.pattern } } }
  return { matchPattern: { case: match.kind, value: match.text }, ignoreCase: match.ignoreCase }
}

function secretRefInit({ name, source }: SecretRef): Init<typeof SdsSecretConfigSchema> {
  const sdsConfig =
    source.kind === 'path'
      ? { configSourceSpecifier: { case: 'pathConfigSource' as const, value: { path: source.path } } }
      : configSourceInit(source)
  return { name, sdsConfig }
}

function sourceInit(source: DataSource): Init<typeof DataSourceSchema> {
  if (source.kind === 'file') return { specifier: { case: 'filename', value: source.path } }
  if (source.kind === 'inline') return { specifier: { case: 'inlineString', value: source.text } }
  return { specifier: { case: 'environmentVariable', value: source.name } }
}

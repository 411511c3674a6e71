import { create, toBinary } from '@bufbuild/protobuf'
import { SecretSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import type { SecretConfig } from '../model/index.ts'
import { certificateInit, validationInit } from './tls.ts'

/** An envoy.extensions.transport_sockets.tls.v3.Secret in protobuf. What is inline in it is secret too. */
export function encodeSecret(secret: SecretConfig): Uint8Array {
  const type =
    secret.kind === 'certificate'
      ? ({ case: 'tlsCertificate', value: certificateInit(secret.certificate) } as const)
      : ({ case: 'validationContext', value: validationInit(secret.validation) } as const)
  return toBinary(SecretSchema, create(SecretSchema, { name: secret.name, type }))
}

/** By which method an authorization service is asked. */

import type { DescMethodUnary, MessageInitShape } from '@bufbuild/protobuf'
import {
  Authorization,
  type CheckRequestSchema,
  type CheckResponseSchema,
} from './gen/envoy/service/auth/v3/external_auth_pb.ts'

/** A request to be sent, by its fields. */
export type CheckRequestInit = MessageInitShape<typeof CheckRequestSchema>

/** A reply to be sent, by its fields. */
export type CheckResponseInit = MessageInitShape<typeof CheckResponseSchema>

/** `/envoy.service.auth.v3.Authorization/Check` */
export const CHECK_METHOD: DescMethodUnary<typeof CheckRequestSchema, typeof CheckResponseSchema> =
  Authorization.method.check

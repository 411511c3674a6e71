/** What a client and a server of Envoy's external authorization (v3) share: the service and its messages, in protobuf. */
export { CHECK_METHOD, type CheckRequestInit, type CheckResponseInit } from './ext-authz-method.ts'
export {
  type HeaderValueOption,
  HeaderValueOption_HeaderAppendAction as HeaderAppendAction,
} from './gen/envoy/config/core/v3/base_pb.ts'
export {
  type AttributeContext,
  AttributeContextSchema,
} from './gen/envoy/service/auth/v3/attribute_context_pb.ts'
export {
  Authorization,
  type CheckRequest,
  CheckRequestSchema,
  type CheckResponse,
  CheckResponseSchema,
  type OkHttpResponse,
} from './gen/envoy/service/auth/v3/external_auth_pb.ts'

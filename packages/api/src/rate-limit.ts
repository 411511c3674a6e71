/** What a client and a server of Envoy's rate limit service (RLS v3) share: the service and its messages, in protobuf. */
export {
  type RateLimitDescriptor,
  type RateLimitDescriptor_Entry,
  type RateLimitDescriptor_RateLimitOverride,
  RateLimitDescriptorSchema,
} from './gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts'
export {
  type RateLimitRequest,
  RateLimitRequestSchema,
  type RateLimitResponse,
  RateLimitResponse_Code,
  type RateLimitResponse_DescriptorStatus,
  RateLimitResponse_DescriptorStatusSchema,
  type RateLimitResponse_RateLimit,
  RateLimitResponse_RateLimit_Unit,
  RateLimitResponseSchema,
  RateLimitService,
} from './gen/envoy/service/ratelimit/v3/rls_pb.ts'
export { RateLimitUnit } from './gen/envoy/type/v3/ratelimit_unit_pb.ts'
export {
  RATE_LIMIT_METHOD,
  type RateLimitRequestInit,
  type RateLimitResponseInit,
  type RateLimitStatusInit,
} from './rate-limit-method.ts'

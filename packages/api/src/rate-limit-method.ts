/** By which method a rate limit service is asked. */

import type { DescMethodUnary, MessageInitShape } from '@bufbuild/protobuf'
import {
  type RateLimitRequestSchema,
  type RateLimitResponse_DescriptorStatusSchema,
  type RateLimitResponseSchema,
  RateLimitService,
} from './gen/envoy/service/ratelimit/v3/rls_pb.ts'

/** A request's fields. */
export type RateLimitRequestInit = MessageInitShape<typeof RateLimitRequestSchema>
export type RateLimitResponseInit = MessageInitShape<typeof RateLimitResponseSchema>
/** What a response says of one descriptor. */
export type RateLimitStatusInit = MessageInitShape<typeof RateLimitResponse_DescriptorStatusSchema>

/** `/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit` */
export const RATE_LIMIT_METHOD: DescMethodUnary<typeof RateLimitRequestSchema, typeof RateLimitResponseSchema> =
  RateLimitService.method.shouldRateLimit

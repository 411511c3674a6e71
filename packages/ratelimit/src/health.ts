import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from '@meltemi/api/grpc-health'
import { RateLimitService } from '@meltemi/api/rate-limit'
import { GrpcCode, GrpcError, type GrpcService, grpcService } from '@meltemi/runtime/grpc'

/** What may be asked for: the server, by the name that the reference has for itself too, or its one service. */
const NAMES: ReadonlySet<string> = new Set(['', 'ratelimit', RateLimitService.typeName])

/** gRPC's health service, its method Check; Watch is not implemented. */
export function healthService(isReady: () => boolean): GrpcService {
  return grpcService(Health, {
    check: ({ service }) => {
      if (!NAMES.has(service)) throw new GrpcError(GrpcCode.NOT_FOUND, 'unknown service')
      return { status: isReady() ? ServingStatus.SERVING : ServingStatus.NOT_SERVING }
    },
  })
}

/** How spans get to an OpenTelemetry collector. */
export {
  ExportTraceServiceRequestSchema,
  type ExportTraceServiceResponse,
  ExportTraceServiceResponseSchema,
  TraceService,
} from './gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.ts'

export {
  type CallAnswer,
  type CallSettings,
  createGrpcClient,
  type GrpcClient,
  type GrpcClientOptions,
  type GrpcClientTls,
} from './grpc-client.ts'
export type { GrpcMessage, MessageOf, OutgoingMessage, UnaryMethod } from './grpc-method.ts'
export {
  DEFAULT_GRPC_SERVER_LIMITS,
  type GrpcServer,
  type GrpcServerLimits,
  type GrpcServerOptions,
  type GrpcServerTls,
  startGrpcServer,
} from './grpc-server.ts'
export {
  type GrpcService,
  grpcService,
  type ServiceHandlers,
  type StreamHandler,
  type UnaryHandler,
} from './grpc-service.ts'
export { GrpcCode, GrpcError, type GrpcStatus } from './grpc-status.ts'
export type {
  ClientStream,
  ClientStreamListener,
  GrpcStream,
  ServerStream,
  ServerStreamListener,
  StreamListener,
} from './grpc-stream.ts'

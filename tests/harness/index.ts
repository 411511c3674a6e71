/** What tests use to play client and service. */

export { type Answer, answerOf } from './answers.ts'
export { type AwesomerpcFrame, awesomerpcFrame } from './awesomerpc-frame.ts'
export * from './behaviours.ts'
export { brpcReply, brpcRequest } from './brpc-frame.ts'
export { type DnsRecord, DnsServer, startDnsServer } from './dns-server.ts'
export { EchoConnection } from './echo-connection.ts'
export { EchoServer, type EchoServerOptions, type Handler, startEchoServer } from './echo-server.ts'
export {
  AWESOMERPC,
  DUBBO,
  FOUR_PROTOCOLS,
  failing,
  IN_ORDER,
  isFailed,
  type TestedProtocol,
  THIRD_PARTY,
  THRIFT,
} from './four-protocols.ts'
export { freePort } from './free-port.ts'
export {
  LIVE_ROUTES_KEY,
  LiveProxy,
  type LiveProxyOptions,
  liveCluster,
  liveEndpoints,
  liveListener,
  liveRoutes,
  startLiveProxy,
} from './live-proxy.ts'
export {
  type CommandResult,
  type MeltemiOptions,
  MeltemiProcess,
  runCommand,
} from './meltemi-process.ts'
export { GREETER_HOST, greeterRouter, MeshFolder, type MeshFolderOptions } from './mesh-folder.ts'
export { jsonLog, Observed, textLog, type ZipkinSpan, zipkinTracing } from './observed.ts'
export { ProxyProcess, type ProxyProcessOptions, startProxyProcess } from './proxy-process.ts'
export { type RateLimitAsk, RateLimitClient, type RateLimitOutcome } from './rate-limit-client.ts'
export { connectClient, RawClient, type RawClientOptions } from './raw-client.ts'
export {
  startTestProxy,
  TestProxy,
  type TestProxyOptions,
  testCluster,
  testListener,
  testMetaProtocol,
  testRetry,
  testRoute,
} from './test-proxy.ts'
export {
  trpcClose,
  trpcData,
  trpcFeedback,
  trpcInit,
  trpcInitReply,
  trpcReply,
  trpcRequest,
} from './trpc-frame.ts'

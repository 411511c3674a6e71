/** What contract 1 promises to modules that were built for it. Names may be added here; none may go in this contract. */

/** What `@meltemi/sdk` exports, types too. */
export const PROMISED_NAMES: readonly string[] = [
  'Affinity',
  'ByteWriter',
  'Codec',
  'CodecDefinition',
  'ConnectionInfo',
  'DecodeStatus',
  'ErrorType',
  'Failure',
  'Filter',
  'FilterContext',
  'FilterDefinition',
  'FilterHost',
  'FilterStatus',
  'MessageId',
  'MessageType',
  'Metadata',
  'Mutation',
  'ProtocolError',
  'ReceiveBuffer',
  'ResponseStatus',
  'RouteInfo',
  'Side',
]

/** What codecs and filters find on the objects that they are called with. */
export const PROMISED_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  ReceiveBuffer: [
    ...['length', 'maxMessageBytes', 'has', 'indexOf', 'take'],
    ...['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'u16le', 'u32le', 'i64'],
  ],
  ByteWriter: [
    ...['length', 'u8', 'u16', 'u32', 'i64', 'u16le', 'u32le', 'varint', 'zigzag'],
    ...['bytes', 'utf8', 'latin1', 'setU16', 'setU32'],
  ],
  Metadata: [
    ...[
      'type',
      'status',
      'requestId',
      'streamId',
      'headerSize',
      'bodySize',
      'operation',
      'affinity',
      'last',
      'timeoutMs',
    ],
    ...['idempotent', 'message', 'detail', 'set', 'setSlice', 'get', 'find', 'delete', 'size', 'key', 'value'],
  ],
  Mutation: ['size', 'key', 'value', 'set'],
  Failure: ['code', 'type', 'message', 'source', 'retriable'],
  FilterContext: [
    ...['request', 'reply', 'failure', 'requestMutation', 'replyMutation', 'connection', 'route', 'slots'],
    ...['mutateRequest', 'mutateReply', 'fail', 'resume'],
  ],
  FilterHost: ['slot', 'now', 'random', 'counter'],
  ConnectionInfo: ['remoteAddress', 'remotePort', 'localAddress', 'localPort', 'properties'],
  RouteInfo: ['name', 'cluster'],
}

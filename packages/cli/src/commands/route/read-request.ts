import { type CodecDefinition, MessageType, type Metadata, ReceiveBuffer } from '@meltemi/sdk'
import { reasonOf, tryDecodeMessage } from '../../capture/decode-message.ts'
import { parseHex } from '../../capture/inspect-hex.ts'
import { MESSAGE_TYPE_NAMES } from '../../capture/message-facts.ts'
import { CommandError } from '../../command-error.ts'

/** Reads `key=value`; values may have more equals signs. Throws a CommandError for what has none. */
export function addPairs(request: Metadata, pairs: readonly string[]): void {
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at < 1) throw new CommandError([`--meta ${JSON.stringify(pair)} should be key=value`])
    request.set(pair.slice(0, at), pair.slice(at + 1))
  }
}

export interface FrameOptions {
  readonly definition: CodecDefinition
  /** Options of the codec. */
  readonly config: unknown
  readonly maxMessageBytes: number
}

/** The one request that these hexadecimal digits are. Throws a CommandError when they are something else. */
export function decodeRequest(hex: string, { definition, config, maxMessageBytes }: FrameOptions): Metadata {
  const buffer = new ReceiveBuffer(maxMessageBytes)
  const bytes = parseHex(hex)
  buffer.append(bytes)
  const request = decode(buffer, definition, config)
  if (request === undefined) throw new CommandError([`--hex: ${bytes.length} bytes of a message without its end`])
  if (buffer.length > 0) throw new CommandError([`--hex: ${buffer.length} bytes follow the first message`])
  if (!ROUTED.includes(request.type)) {
    throw new CommandError([`--hex: a message of type ${MESSAGE_TYPE_NAMES[request.type]} is not routed`])
  }
  return request
}

/** Heartbeats are answered by the proxy itself, and what belongs to a stream goes where the stream went. */
const ROUTED: readonly MessageType[] = [MessageType.Request, MessageType.Oneway, MessageType.StreamInit]

function decode(buffer: ReceiveBuffer, definition: CodecDefinition, config: unknown): Metadata | undefined {
  try {
    return tryDecodeMessage(definition.create('downstream', config), 'downstream', buffer)
  } catch (error: unknown) {
    throw new CommandError([`--hex: ${definition.name}: ${reasonOf(error)}`])
  }
}

/** Its pairs, for people. */
export function pairsOf(request: Metadata): ReadonlyMap<string, string> {
  return new Map(Array.from({ length: request.size }, (_, at) => [request.key(at), request.value(at)]))
}

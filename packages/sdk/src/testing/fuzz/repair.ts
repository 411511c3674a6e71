import type { CodecDefinition } from '../../codec.ts'
import { Mutation } from '../../index.ts'
import { written } from '../sample.ts'
import type { FuzzInput } from './fuzz-input.ts'
import { readConnection } from './read-connection.ts'

/**
 * The changed bytes as the codec itself would write them: `encode` of the origin's message with the changed bytes in
 * its place. So inputs get past checksums. Undefined when the codec cannot: it owes nothing to such a message.
 */
export function repair(definition: CodecDefinition, origin: FuzzInput, changed: FuzzInput): FuzzInput | undefined {
  try {
    const { messages } = readConnection(definition, origin, [Buffer.from(origin.bytes)])
    const [message] = messages
    if (message === undefined || messages.length > 1) return undefined
    message.message = changed.bytes
    const codec = definition.create(origin.side, origin.config)
    const bytes = written((out) => codec.encode(message, Mutation.none, out))
    return bytes.length > 0 ? { ...changed, bytes } : undefined
  } catch {
    return undefined
  }
}

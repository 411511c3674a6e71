import type { ConnectionName, Exchange } from './exchange.ts'
import type { MessageSide } from './message-facts.ts'

/**
 * What can be said of a connection besides its exchanges.
 *
 *   refused      the codec refused bytes: that direction is not read any further
 *   lost         bytes are not in the capture, and messages with them
 *   unread       bytes were skipped, since a message could begin anywhere in them
 *   unfinished   a message without its end
 *   midstream    the capture begins within the connection
 *   given-up     the connection was forgotten, for a limit
 */
export type NoteCode = 'refused' | 'lost' | 'unread' | 'unfinished' | 'midstream' | 'given-up'

export interface Note {
  readonly kind: 'note'
  readonly code: NoteCode
  readonly connection: ConnectionName
  /** undefined: about both directions. */
  readonly side: MessageSide | undefined
  /** Of the byte in its direction that it is about. */
  readonly offset: number | undefined
  readonly timeNs: bigint | undefined
  readonly text: string
}

export type CaptureEvent = Exchange | Note

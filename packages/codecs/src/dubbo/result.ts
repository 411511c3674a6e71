/**
 * The body of a reply with status 20: Hessian 2 values, the first of which says what follows.
 *
 *   | 0 | exception |     | 3 | exception | attachments |
 *   | 1 | value |         | 4 | value | attachments |
 *   | 2 |   a null        | 5 | attachments |
 *
 * Consumers that speak an older version than 2.0.2 know those on the left alone, and get no others.
 */

import { MessageType, type Metadata, ProtocolError, ResponseStatus } from '@meltemi/sdk'
import { readAttachments } from './attachments.ts'
import type { Hessian2Reader } from './hessian2-reader.ts'
import type { Layout } from './layout.ts'

const Result = { exception: 0, value: 1, nothing: 2 } as const
/** What a result with attachments has more in its type. */
const ATTACHMENTS = 3
const LAST = 5
/** The int 0 of Hessian 2 in one byte. */
const INT_ZERO = 0x90

/** Fills metadata and layout; the reader stands at the beginning of the body of `metadata.message`. */
export function readResult(reader: Hessian2Reader, metadata: Metadata, layout: Layout): void {
  const type = readResultType(reader)
  const kind = type % ATTACHMENTS
  if (kind === Result.exception) {
    metadata.type = MessageType.Error
    metadata.status = ResponseStatus.Error
  }
  if (type < ATTACHMENTS) return
  if (hasValue(type)) reader.skipValue()
  readAttachments(reader, metadata, layout)
}

/** Passes everything before the attachments. */
export function skipResult(reader: Hessian2Reader): void {
  if (hasValue(readResultType(reader))) reader.skipValue()
}

/** The first value of a body, 0 to 5. */
export function readResultType(reader: Hessian2Reader): number {
  const type = reader.readInt()
  if (type < 0 || type > LAST) throw new ProtocolError(`result type ${type} is not within 0 and ${LAST}`)
  return type
}

export function hasValue(type: number): boolean {
  return type % ATTACHMENTS !== Result.nothing
}

/** The same result with attachments, as the byte that stands for its type. */
export function typeWithAttachments(type: number): number {
  return INT_ZERO + (type < ATTACHMENTS ? type + ATTACHMENTS : type)
}

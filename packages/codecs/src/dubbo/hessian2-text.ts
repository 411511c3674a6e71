/**
 * Hessian 2 strings. Their lengths count UTF-16 units, so a string must be walked over to know where it ends:
 *
 *   | 00-1f                  | n units |
 *   | 30-33, u8              | n units |       n: ten bits
 *   | S, u16                 | n units |
 *   | R, u16 | n units | … any number of these, and then one of the above
 *
 * A unit above ASCII takes two or three bytes. A character outside the basic plane is two units: Java writes three bytes
 * for each of them (CESU-8), others four bytes for both.
 */

import { ProtocolError } from '@meltemi/sdk'
import { Code } from './hessian2-code.ts'

const ASCII_END = 0x80
const BYTES_PER_UNIT = 2
/** Bytes of a character by its first byte; 0: it cannot be first. */
const SIZES: Uint8Array = new Uint8Array(256)
  .fill(1, 0, ASCII_END)
  .fill(2, 0xc0, 0xe0)
  .fill(3, 0xe0, 0xf0)
  .fill(4, 0xf0, 0xf8)

/** One piece of a string. A single one is kept, since strings are read one after the other. */
export class TextChunk {
  units = 0
  /** Where its characters begin. */
  start = 0
  isLast = true

  /** Reads the head at `at`, which must be that of a string. */
  read(bytes: Uint8Array, at: number, end: number): void {
    const code = byteAt(bytes, at, end)
    this.isLast = code !== Code.chunkedString
    if (code <= Code.shortStringMax) {
      this.units = code
      this.start = at + 1
    } else if (code >= Code.mediumString && code <= Code.mediumStringMax) {
      this.units = ((code - Code.mediumString) << 8) | byteAt(bytes, at + 1, end)
      this.start = at + 2
    } else if (code === Code.finalString || code === Code.chunkedString) {
      this.units = (byteAt(bytes, at + 1, end) << 8) | byteAt(bytes, at + 2, end)
      this.start = at + 3
    } else throw new ProtocolError(`byte ${code.toString(16)} does not begin a string`)
    // each unit takes a byte at least
    if (this.units > end - this.start) throw new ProtocolError(`string of ${this.units} units ends beyond the body`)
  }
}

/** The byte at this position; throws ProtocolError when the body has ended before. */
export function byteAt(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) throw new ProtocolError('value ends beyond the body')
  return bytes[at] as number
}

/** Where the string that begins at `at` ends. */
export function textEnd(bytes: Uint8Array, at: number, end: number, chunk: TextChunk): number {
  let from = at
  do {
    chunk.read(bytes, from, end)
    from = unitsEnd(bytes, chunk.start, end, chunk.units)
  } while (!chunk.isLast)
  return from
}

/** Whether these are ASCII alone; they must be there. */
export function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((bytes[at] as number) >= ASCII_END) return false
  return true
}

/**
 * The string that begins at `at` and ends at `end`, whatever is in it. Throws ProtocolError for bytes that are no UTF-8:
 * what one reader takes for one name another must not take for a different one.
 */
export function decodeText(bytes: Uint8Array, at: number, end: number, chunk: TextChunk): string {
  const units = Buffer.allocUnsafe(BYTES_PER_UNIT * (end - at))
  let from = at
  let written = 0
  do {
    chunk.read(bytes, from, end)
    const stop = unitsEnd(bytes, chunk.start, end, chunk.units)
    written = decodeUnits(bytes, chunk.start, stop, units, written)
    from = stop
  } while (!chunk.isLast)
  return units.toString('utf16le', 0, written)
}

/** Where so many units end that begin at `start`. */
function unitsEnd(bytes: Uint8Array, start: number, end: number, count: number): number {
  let at = start
  let left = count
  while (left > 0) {
    const lead = byteAt(bytes, at, end)
    if (lead < ASCII_END) {
      at++
      left--
      continue
    }
    const size = SIZES[lead] as number
    if (size === 0) throw new ProtocolError(`byte ${lead.toString(16)} does not begin a character`)
    at += size
    // writers that count characters and not units say one less
    left -= size === 4 ? 2 : 1
  }
  if (at > end) throw new ProtocolError('string ends beyond the body')
  return at
}

/** Writes the units of these characters and returns how far it has written. */
function decodeUnits(bytes: Uint8Array, start: number, end: number, units: Buffer, from: number): number {
  let written = from
  for (let at = start; at < end; ) {
    const lead = bytes[at] as number
    const size = SIZES[lead] as number
    const character = size === 1 ? lead : decodeCharacter(bytes, at, size)
    at += size
    if (character < 0x1_0000) written = units.writeUInt16LE(character, written)
    else {
      written = units.writeUInt16LE(0xd7c0 + (character >> 10), written)
      written = units.writeUInt16LE(0xdc00 + (character & 0x3ff), written)
    }
  }
  return written
}

/** The least character that takes so many bytes. */
const LEAST = [0, 0, 0x80, 0x800, 0x1_0000] as const
const LAST_CHARACTER = 0x10_ffff

function decodeCharacter(bytes: Uint8Array, at: number, size: number): number {
  let character = (bytes[at] as number) & (0x7f >> size)
  for (let n = 1; n < size; n++) {
    const next = bytes[at + n] as number
    if ((next & 0xc0) !== 0x80) throw new ProtocolError(`byte ${next.toString(16)} does not go on a character`)
    character = (character << 6) | (next & 0x3f)
  }
  if (character < (LEAST[size] as number) || character > LAST_CHARACTER) {
    throw new ProtocolError(`character ${character.toString(16)} in ${size} bytes is no UTF-8`)
  }
  return character
}

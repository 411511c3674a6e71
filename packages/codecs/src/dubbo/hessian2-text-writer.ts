/** Writes Hessian 2 strings, in the form that Java writes. */

import type { ByteWriter } from '@meltemi/sdk'
import { Code } from './hessian2-code.ts'

const MAX_MEDIUM_UNITS = 0x3ff
const MAX_FINAL_UNITS = 0xffff
const CHUNK_UNITS = 0x8000
const SURROGATE = /[\ud800-\udfff]/

/** Long texts are written in chunks, none of which ends within a character. */
export function writeText(text: string, out: ByteWriter): void {
  let from = 0
  while (text.length - from > MAX_FINAL_UNITS) {
    const to = from + CHUNK_UNITS - (isHighSurrogate(text.charCodeAt(from + CHUNK_UNITS - 1)) ? 1 : 0)
    out.u8(Code.chunkedString).u16(to - from)
    writeUnits(text.slice(from, to), out)
    from = to
  }
  const units = text.length - from
  if (units <= Code.shortStringMax) out.u8(units)
  else if (units <= MAX_MEDIUM_UNITS) out.u8(Code.mediumString + (units >> 8)).u8(units)
  else out.u8(Code.finalString).u16(units)
  writeUnits(from === 0 ? text : text.slice(from), out)
}

function writeUnits(text: string, out: ByteWriter): void {
  if (!SURROGATE.test(text)) out.utf8(text)
  else out.bytes(surrogatesApart(text))
}

/** Each unit alone, as all readers expect it: three bytes for either half of a pair. */
function surrogatesApart(text: string): Buffer {
  const bytes = Buffer.allocUnsafe(3 * text.length)
  let at = 0
  for (let n = 0; n < text.length; n++) {
    const unit = text.charCodeAt(n)
    if (unit < 0x80) bytes[at++] = unit
    else if (unit < 0x800) {
      bytes[at++] = 0xc0 | (unit >> 6)
      bytes[at++] = 0x80 | (unit & 0x3f)
    } else {
      bytes[at++] = 0xe0 | (unit >> 12)
      bytes[at++] = 0x80 | ((unit >> 6) & 0x3f)
      bytes[at++] = 0x80 | (unit & 0x3f)
    }
  }
  return bytes.subarray(0, at)
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}

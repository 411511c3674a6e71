import { ProtocolError, type ReceiveBuffer } from '@meltemi/sdk'
import { bigEndian, littleEndian } from './byte-order.ts'
import type { CaptureFormat } from './capture-format.ts'
import { PcapFormat } from './pcap-format.ts'
import { PCAPNG_MAGIC, PcapngFormat } from './pcapng-format.ts'

const MAGIC_BYTES = 4
const PCAP_MICROSECONDS = 0xa1b2c3d4
const PCAP_NANOSECONDS = 0xa1b23c4d
const NS_PER_US = 1000
const GZIP_MAGIC = 0x1f8b

/** The reader for the kind of file that begins with these bytes; undefined: more are needed. */
export function detectFormat(buffer: ReceiveBuffer): CaptureFormat | undefined {
  if (!buffer.has(MAGIC_BYTES)) return undefined
  if (buffer.u32(0) === PCAPNG_MAGIC) return new PcapngFormat()
  for (const order of [bigEndian, littleEndian]) {
    const magic = order.peekU32(buffer, 0)
    if (magic === PCAP_MICROSECONDS) return new PcapFormat(order, NS_PER_US)
    if (magic === PCAP_NANOSECONDS) return new PcapFormat(order, 1)
  }
  if (buffer.u16(0) === GZIP_MAGIC) throw new ProtocolError('compressed by gzip: unpack it first')
  throw new ProtocolError(`neither pcap nor pcapng: it begins with ${buffer.u32(0).toString(16).padStart(8, '0')}`)
}

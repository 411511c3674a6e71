/** Reads a capture file from its beginning to its end, once, and reports what a codec finds in it. */

import { createReadStream } from 'node:fs'
import { ReceiveBuffer } from '@meltemi/sdk'
import { CommandError } from '../command-error.ts'
import type { CaptureEvent } from './capture-event.ts'
import type { CaptureFormat } from './capture-format.ts'
import type { CapturedPacket } from './captured-packet.ts'
import { ConnectionTable, type TableOptions } from './connection-table.ts'
import { detectFormat } from './detect-format.ts'
import { LeftOut } from './left-out.ts'
import type { ReportFormat } from './report.ts'
import { Summary } from './summary.ts'
import { readSegment, type TcpSegment } from './tcp-segment.ts'

export interface InspectOptions extends TableOptions {
  /** Only segments of this port, of either side. */
  readonly port: number | undefined
  readonly report: ReportFormat
  /** Gets the report, in pieces of any size; nothing more is read before it resolves. */
  readonly write: (text: string) => Promise<void>
}

/** Of the file; a packet or block that is larger cannot be one. */
const MAX_BLOCK_BYTES = 16 * 1024 * 1024
const CHUNK_BYTES = 256 * 1024
const LINES_AT_ONCE = 1000

/** Throws a CommandError when the file cannot be read to its end; what was read until there has been reported. */
export async function inspectCapture(file: string, options: InspectOptions): Promise<void> {
  const inspection = new Inspection(options)
  try {
    await readPackets(file, inspection)
    inspection.assertReadable(file)
  } finally {
    await inspection.finish()
  }
}

class Inspection {
  readonly #options: InspectOptions
  readonly #summary = new Summary()
  readonly #connections: ConnectionTable
  #lines: string[] = []

  constructor(options: InspectOptions) {
    this.#options = options
    const sink = {
      event: (event: CaptureEvent) => {
        this.#summary.count(event)
        this.#lines.push(options.report.event(event))
      },
      lost: (bytes: number) => {
        this.#summary.lostBytes += bytes
      },
    }
    this.#connections = new ConnectionTable(options, sink, this.#summary)
  }

  take(packet: CapturedPacket): void {
    this.#summary.packets++
    const segment = readSegment(packet)
    if (typeof segment === 'string') this.#summary.leaveOut(segment)
    else if (!this.#isWanted(segment)) this.#summary.leaveOut(LeftOut.OtherPort)
    else this.#connections.take(segment)
  }

  /** Many lines at once, since each write has its price, but not all. */
  async flush(): Promise<void> {
    const lines = this.#lines
    this.#lines = []
    for (let at = 0; at < lines.length; at += LINES_AT_ONCE) {
      await this.#options.write(lines.slice(at, at + LINES_AT_ONCE).join(''))
    }
  }

  /** Without a single packet there is nothing to report. */
  async finish(): Promise<void> {
    if (this.#summary.packets === 0) return
    for (const _ of this.#connections.finish()) await this.flush()
    this.#lines.push(this.#options.report.summary(this.#summary))
    await this.flush()
  }

  /** Throws when all packets are of kinds that nobody here can read. */
  assertReadable(file: string): void {
    const { packets, leftOut } = this.#summary
    if (packets > 0 && leftOut.get(LeftOut.LinkType) === packets) {
      throw new CommandError([`${file}: all packets are ${LeftOut.LinkType}`])
    }
  }

  #isWanted({ sourcePort, destinationPort }: TcpSegment): boolean {
    const { port } = this.#options
    return port === undefined || port === sourcePort || port === destinationPort
  }
}

async function readPackets(file: string, inspection: Inspection): Promise<void> {
  const buffer = new ReceiveBuffer(MAX_BLOCK_BYTES)
  const source = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: CHUNK_BYTES })
  let format: CaptureFormat | undefined
  let received = 0
  let at = 0
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      received += chunk.length
      buffer.append(chunk)
      format ??= detectFormat(buffer)
      while (buffer.isReady && format !== undefined) {
        at = received - buffer.length
        const packet = format.next(buffer)
        if (packet === undefined) break
        if (packet !== null) inspection.take(packet)
      }
      await inspection.flush()
    }
  } catch (error: unknown) {
    throw describe(error, `${file}: `, at)
  }
  if (format === undefined) throw new CommandError([`${file}: ${received} bytes are no capture`])
  if (buffer.length > 0) throw new CommandError([`${file}: it ends within a packet, at byte ${received}`])
}

/** A fault of the file as a line; others as they are. */
function describe(error: unknown, prefix: string, offset: number): unknown {
  if (!(error instanceof Error)) return error
  if (error.name === 'ProtocolError') return new CommandError([`${prefix}at byte ${offset}: ${error.message}`])
  return 'syscall' in error ? new CommandError([`${prefix}${error.message}`]) : error
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { type InspectOptions, inspectCapture } from '../inspect-capture.ts'
import { jsonReport } from '../json-report.ts'
import { type Frame, pcapFile } from './capture-files.ts'
import { ethernet, ipv4 } from './packets.ts'
import type { Talk } from './talk.ts'

// biome-ignore lint/suspicious/noExplicitAny: what the command printed, of any shape
export type Printed = any

export interface Inspected {
  readonly exchanges: readonly Printed[]
  readonly notes: readonly Printed[]
  readonly summary: Printed
}

const DEFAULTS: Omit<InspectOptions, 'write'> = {
  definition: awesomerpc,
  config: undefined,
  redacted: new Set(),
  maxShownBytes: undefined,
  maxMessageBytes: 1024 * 1024,
  maxWaitingBytes: 1024 * 1024,
  maxConnections: 100,
  maxHeldBytes: 64 * 1024 * 1024,
  port: undefined,
  serverPort: undefined,
  report: jsonReport,
}

/** What `--format text` or `json` prints of a file with these bytes; rejects as the command fails. */
export async function printedOf(bytes: Buffer, options: Partial<InspectOptions> = {}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-inspect-'))
  let printed = ''
  const write = async (text: string): Promise<void> => {
    printed += text
  }
  try {
    writeFileSync(join(folder, 'capture'), bytes)
    await inspectCapture(join(folder, 'capture'), { ...DEFAULTS, ...options, write })
    return printed
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The same, read back. */
export async function inspectBytes(bytes: Buffer, options: Partial<InspectOptions> = {}): Promise<Inspected> {
  const text = await printedOf(bytes, options)
  const objects = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Printed)
  const kinds = (wanted: boolean, kind: string): Printed[] => objects.filter((one) => (one.kind === kind) === wanted)
  return {
    exchanges: kinds(false, 'note').filter(({ kind }) => kind !== 'summary'),
    notes: kinds(true, 'note'),
    summary: objects.at(-1),
  }
}

/** Of a conversation over Ethernet and IPv4, as its segments are. */
export function inspectTalk(talk: Talk, options: Partial<InspectOptions> = {}): Promise<Inspected> {
  return inspectBytes(pcapFile(framesOf(talk)), options)
}

export function framesOf(talk: Talk): Frame[] {
  return talk.segments.map((segment) => ({ bytes: ethernet(ipv4(segment)) }))
}

/** An awesomerpc message. */
export function rpc(id: number, body = 'hello', isError = false): Buffer {
  const bytes = Buffer.alloc(13 + Buffer.byteLength(body))
  bytes.writeUInt32BE(id, 1)
  bytes.writeUInt32BE(bytes.length, 5)
  bytes.writeInt16BE(1, 9)
  bytes.writeInt16BE(isError ? 1 : 0, 11)
  bytes.write(body, 13)
  return bytes
}

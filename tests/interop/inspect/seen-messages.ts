/** The messages of a capture as two programs see them, in one form. */

import { execFileSync } from 'node:child_process'
import { runMeltemi } from '@meltemi/cli'

export interface SeenMessage {
  /** From 0. */
  readonly stream: number
  readonly from: 'client' | 'server'
  /** Number of the packet that completes it. */
  readonly packet: number
  readonly method: string
  readonly type: string
  readonly id: number
  /** Bytes, with those of the frame. */
  readonly size: number
}

const FIELDS = [
  'frame.number',
  'tcp.stream',
  'tcp.dstport',
  'thrift.method',
  'thrift.mtype',
  'thrift.seq_id',
  'thrift.frame_len',
]
const TYPES: Readonly<Record<string, string>> = {
  '0x01': 'request',
  '0x02': 'response',
  '0x03': 'error',
  '0x04': 'oneway',
}
const FRAME_LENGTH_BYTES = 4

/** What tshark's Thrift dissector says; framed messages only, for others it tells no size. */
export function seenByTshark(file: string, port: number, protocol: 'binary' | 'compact'): SeenMessage[] {
  const options = FIELDS.flatMap((field) => ['-e', field])
  const args = ['-r', file, '-d', `tcp.port==${port},thrift`, '-Y', 'thrift', '-T', 'fields', ...options]
  const lines = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n')
  return lines.filter((line) => line !== '').flatMap((line) => readLine(line, port, protocol))
}

/** Several messages in a packet stand in one line, separated by commas. */
function readLine(line: string, port: number, protocol: 'binary' | 'compact'): SeenMessage[] {
  const [packet, stream, to, methods, types, ids, lengths] = line.split('\t').map((cell) => cell.split(','))
  return methods!.map((method, n) => ({
    stream: Number(stream![0]),
    from: Number(to![0]) === port ? 'client' : 'server',
    packet: Number(packet![0]),
    method,
    type: TYPES[types![n]!] ?? types![n]!,
    id: protocol === 'compact' ? undoZigzag(Number(ids![n])) : Number(ids![n]),
    size: Number(lengths![n]) + FRAME_LENGTH_BYTES,
  }))
}

/** tshark takes the sequence id of compact messages for a zigzag number; the specification, and all peers, do not. */
function undoZigzag(value: number): number {
  return (value << 1) ^ (value >> 31)
}

interface Exchange {
  readonly kind: string
  readonly connection: number
  readonly outcome: string
  readonly messages: readonly {
    readonly side: 'request' | 'reply'
    readonly packet: number
    readonly offset: number
    readonly type: string
    readonly id: number
    readonly size: number
    readonly properties: Readonly<Record<string, string>>
  }[]
}

/** What `meltemi codec inspect` says, in the order of packets, and of bytes in them; its exchanges too. */
export async function seenByMeltemi(
  file: string,
  port: number,
): Promise<{ messages: SeenMessage[]; exchanges: Exchange[] }> {
  const exchanges = await inspect(file, port)
  const messages = exchanges
    .flatMap(({ connection, messages }) => messages.map((message) => ({ connection, ...message })))
    .toSorted((a, b) => a.packet - b.packet || a.offset - b.offset)
    .map(({ connection, side, packet, type, id, size, properties }) => ({
      stream: connection - 1,
      from: side === 'request' ? ('client' as const) : ('server' as const),
      packet,
      method: properties['method'] ?? '',
      type,
      id,
      size,
    }))
  return { messages, exchanges }
}

async function inspect(file: string, port: number): Promise<Exchange[]> {
  let said = ''
  let errors = ''
  const write = (text: string): void => {
    said += text
  }
  const writeError = (text: string): void => {
    errors += text
  }
  const args = ['codec', 'inspect', 'thrift', '--pcap', file, '--port', String(port), '--format', 'json']
  const code = await runMeltemi(args, { write, writeError })
  if (code !== 0) throw new Error(errors)
  const objects = said
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Exchange)
  const notes = objects.filter(({ kind }) => kind === 'note')
  if (notes.length > 0) throw new Error(JSON.stringify(notes))
  return objects.filter(({ kind }) => kind !== 'summary')
}

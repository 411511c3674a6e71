/** A real name server for a handful of names, over UDP on this machine, that a test changes while it runs. */

import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIP } from 'node:net'

/** What is said of a name, but of a failing family; SERVFAIL: that it cannot be said now; SILENT: nothing. */
export type DnsRecord =
  | { readonly addresses: readonly string[]; readonly ttlS: number; readonly failing?: 4 | 6 }
  | 'SERVFAIL'
  | 'SILENT'

const HEADER_BYTES = 12
const TYPES: Readonly<Record<number, 4 | 6>> = { 1: 4, 28: 6 }
const IN = 1
const RESPONSE = 0x8180
const CODES = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3 } as const
/** Points to the name of the question. */
const SAME_NAME = 0xc000 | HEADER_BYTES

export class DnsServer implements AsyncDisposable {
  readonly book = new Map<string, DnsRecord>()
  /** `name A` or `name AAAA`, in the order in which they were asked. */
  readonly questions: string[] = []
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('message', (query, { port, address }) => {
      const answer = this.#answer(query)
      if (answer !== null) socket.send(answer, port, address)
    })
  }

  get port(): number {
    return this.#socket.address().port
  }

  /** Resolves when so many questions were asked in all; rejects after a while. */
  async asked(count: number, timeoutMs = 5_000): Promise<void> {
    const endMs = performance.now() + timeoutMs
    while (this.questions.length < count) {
      if (performance.now() > endMs) throw new Error(`${this.questions.length} questions, not ${count}`)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, 'close')
    this.#socket.close()
    await closed
  }

  #answer(query: Buffer): Buffer | null {
    const { name, end } = readName(query)
    const family = TYPES[query.readUInt16BE(end)]
    const question = query.subarray(HEADER_BYTES, end + 4)
    this.questions.push(`${name} ${family === 4 ? 'A' : family === 6 ? 'AAAA' : 'other'}`)
    const record = this.book.get(name)
    if (record === 'SILENT') return null
    if (record === 'SERVFAIL') return message(query, CODES.SERVFAIL, question, [])
    if (record === undefined) return message(query, CODES.NXDOMAIN, question, [])
    if (family !== undefined && record.failing === family) return message(query, CODES.SERVFAIL, question, [])
    const addresses = record.addresses.filter((address) => isIP(address) === family)
    const answers = addresses.map((address) => resource(address, record.ttlS))
    return message(query, CODES.NOERROR, question, answers)
  }
}

export async function startDnsServer(book: Readonly<Record<string, DnsRecord>> = {}): Promise<DnsServer> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const server = new DnsServer(socket)
  for (const [name, record] of Object.entries(book)) server.book.set(name, record)
  return server
}

/** Of the one question: labels with their lengths, up to an empty one. */
function readName(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}

function message(query: Buffer, code: number, question: Buffer, answers: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16BE(query.readUInt16BE(0), 0)
  header.writeUInt16BE(RESPONSE | code, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(answers.length, 6)
  return Buffer.concat([header, question, ...answers])
}

function resource(address: string, ttlS: number): Buffer {
  const data = isIP(address) === 4 ? Buffer.from(address.split('.').map(Number)) : ipv6Bytes(address)
  const head = Buffer.alloc(12)
  head.writeUInt16BE(SAME_NAME, 0)
  head.writeUInt16BE(isIP(address) === 4 ? 1 : 28, 2)
  head.writeUInt16BE(IN, 4)
  head.writeUInt32BE(ttlS, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

function ipv6Bytes(address: string): Buffer {
  const [left = '', right = ''] = address.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const [before, after] = [groups(left), groups(right)]
  const zeros = address.includes('::') ? new Array<string>(8 - before.length - after.length).fill('0') : []
  const bytes = Buffer.alloc(16)
  for (const [at, group] of [...before, ...zeros, ...after].entries()) {
    bytes.writeUInt16BE(Number.parseInt(group, 16), at * 2)
  }
  return bytes
}

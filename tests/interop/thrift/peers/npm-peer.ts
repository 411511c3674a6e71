/**
 * The npm package `thrift` as a peer: `server …` prints the port it listens on and ends with its standard input,
 * `client …` makes the calls it is told and prints what came of each as a line of JSON. The Python and Go peers take
 * the same arguments and print the same lines.
 */

import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual, parseArgs } from 'node:util'

// its classes are made at run time and have no types
const require = createRequire(import.meta.url)
const thrift = require('thrift')
const Echo = require('../gen/npm/Echo.js')
const LaterEcho = require('../gen/npm/LaterEcho.js')
const types = require('../gen/npm/talk_types.js')

const { positionals, values: options } = parseArgs({
  allowPositionals: true,
  options: {
    transport: { type: 'string', default: 'framed' },
    protocol: { type: 'string', default: 'binary' },
    port: { type: 'string', default: '0' },
    calls: { type: 'string', default: 'text' },
    multiplexed: { type: 'boolean', default: false },
  },
})

const PAUSE_MS = 600
/** The generated client flushes past the protocol, so the headers must be written when a message ends. */
class HeaderClientProtocol extends thrift.THeaderProtocol {
  writeMessageEnd(): void {
    super.writeMessageEnd()
    this.trans.writeHeaders()
  }
}

const SUBPROTOCOL_IDS: Record<string, number> = { binary: 0, compact: 2 }
const isHeader = options.transport === 'header'
const plainProtocol = options.protocol === 'compact' ? thrift.TCompactProtocol : thrift.TBinaryProtocol
const transport = options.transport === 'framed' ? thrift.TFramedTransport : thrift.TBufferedTransport

function serve(): void {
  let notes = 0
  // with callbacks, because the header transport forgets the request's headers before a promise settles
  const handler = {
    text: answerWithArgument,
    number: answerWithArgument,
    item: answerWithArgument,
    lists: answerWithArgument,
    fail: (name: string, answer: Answer) => answer(new types.NotFound({ name, code: 404 })),
    note: () => {
      notes++
    },
    notes: (answer: Answer) => answer(null, notes),
  }
  const settings = { transport, protocol: isHeader ? thrift.THeaderProtocol : plainProtocol }
  const server = options.multiplexed
    ? multiplexedServer(handler, settings)
    : thrift.createServer(Echo, handler, settings)
  server.listen(Number(options.port), '127.0.0.1', () => {
    console.log((server.address() as AddressInfo).port)
  })
  // a client that goes away is no reason to end
  server.on('error', (error: Error) => console.error(error))
  process.stdin.resume().on('end', () => process.exit(0))
}

type Answer = (error: Error | null, result?: unknown) => void

function answerWithArgument(argument: unknown, answer: Answer): void {
  answer(null, argument)
}

function multiplexedServer(handler: object, settings: object) {
  const processor = new thrift.MultiplexedProcessor()
  processor.registerProcessor('echo', new Echo.Processor(handler))
  return thrift.createMultiplexServer(processor, settings)
}

async function call(): Promise<void> {
  const connection = thrift.createConnection('127.0.0.1', Number(options.port), {
    transport,
    protocol: isHeader ? HeaderClientProtocol : plainProtocol,
  })
  const client = options.multiplexed
    ? new thrift.Multiplexer().createClient('echo', LaterEcho, connection)
    : thrift.createClient(LaterEcho, connection)
  if (isHeader) {
    client.output.setProtocolId(SUBPROTOCOL_IDS[options.protocol])
    client.output.setWriteHeader('color', 'blue')
  }
  const broken = new Promise<never>((_, reject) => {
    connection.on('error', reject)
    connection.on('close', () => reject(new Error('connection closed')))
  })
  broken.catch(() => {})
  for (const name of options.calls.split(',')) {
    const started = performance.now()
    const outcome: Outcome = await Promise.race([run(name, client), broken]).catch(describe)
    console.log(JSON.stringify({ call: name, ms: performance.now() - started, ...outcome }))
  }
  connection.end()
}

// biome-ignore lint/suspicious/noExplicitAny: the client's class is made at run time
type EchoClient = any
type Outcome = Record<string, unknown>

const CALLS: Record<string, (client: EchoClient) => Promise<Outcome>> = {
  text: async (client) => ({ result: await client.text('καλημέρα') }),
  big: async (client) => {
    const text = 'x'.repeat(1024 * 1024)
    return { same: (await client.text(text)) === text }
  },
  number: async (client) => ({
    result: String(thrift.toBigInt(await client.number(thrift.fromBigInt(9007199254740993n)))),
  }),
  item: async (client) => ({ same: isDeepStrictEqual(plain(await client.item(item(true))), plain(item(true))) }),
  lists: async (client) => {
    const lists = await client.lists({ odd: [1, 3, 5], none: [] })
    return {
      result: Object.fromEntries(
        Object.entries(lists as Record<string, unknown[]>).map(([k, v]) => [k, v.map(Number)]),
      ),
    }
  },
  fail: async (client) => client.fail('nobody'),
  note: async (client) => {
    const before: number = await client.notes()
    client.note('hello')
    let after = before
    for (let i = 0; i < 100 && after === before; i++) after = await client.notes()
    return { result: after - before }
  },
  pause: async () => {
    await setTimeout(PAUSE_MS)
    return {}
  },
  added: async (client) => client.added('x'),
}

/** Two Int64 of one value may differ in their insides. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, part) => (part instanceof thrift.Int64 ? String(part) : part)))
}

function run(name: string, client: EchoClient): Promise<Outcome> {
  const call = CALLS[name]
  if (call === undefined) throw new Error(`no call is named ${name}`)
  return call(client)
}

function item(hasChildren: boolean): unknown {
  return new types.Item({
    name: 'lamp',
    id: thrift.fromBigInt(-5n),
    weight: 1.5,
    fresh: true,
    stale: false,
    tags: ['a', ''],
    counts: { a: 1, b: -70000 },
    sizes: [300],
    color: types.Color.BLUE,
    level: 7,
    flags: [false, false],
    nested: { 9: { z: [0.25] } },
    children: hasChildren ? Array.from({ length: 20 }, () => item(false)) : [],
  })
}

function describe(error: Error & { type?: number; code?: number }): Outcome {
  if (error instanceof types.NotFound) return { exception: 'NotFound', name: error.name, code: error.code }
  if (error instanceof thrift.Thrift.TApplicationException) {
    return { exception: 'TApplicationException', type: error.type, message: error.message }
  }
  return { exception: 'other', message: String(error) }
}

if (positionals[0] === 'server') serve()
else await call()

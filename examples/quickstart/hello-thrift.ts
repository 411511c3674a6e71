/**
 * `string Hello.sayHello(1: string name)` in npm `thrift`: what the Thrift compiler would generate for this one
 * method, by hand, so that the sample needs no compiler.
 */
import { once } from 'node:events'
import type { Server } from 'node:net'
import thrift, { type Protocol, type Transport } from 'thrift'

const { Thrift } = thrift
const OPTIONS = { transport: thrift.TFramedTransport, protocol: thrift.TBinaryProtocol }
const METHOD = 'sayHello'

type Callback = (error: Error | null, text: string) => void

/** The server's side of the method. */
class HelloProcessor {
  readonly #handler: { sayHello(name: string): string }

  constructor(handler: { sayHello(name: string): string }) {
    this.#handler = handler
  }

  process(input: Protocol, output: Protocol): void {
    const { rseqid } = input.readMessageBegin()
    const name = readString(input, 1)
    input.readMessageEnd()
    output.writeMessageBegin(METHOD, Thrift.MessageType.REPLY, rseqid)
    writeString(output, 0, this.#handler.sayHello(name))
    output.writeMessageEnd()
    output.flush()
  }
}

/** The client's side; npm `thrift` finds `recv_sayHello` by its name and the callback by its id. */
class HelloClient {
  readonly _reqs: Record<number, Callback | undefined> = {}
  readonly #transport: Transport
  readonly #output: Protocol
  #lastId = 0

  constructor(transport: Transport, ProtocolClass: new (transport: Transport) => Protocol) {
    this.#transport = transport
    this.#output = new ProtocolClass(transport)
  }

  sayHello(name: string, callback: Callback): void {
    const id = ++this.#lastId
    this._reqs[id] = callback
    this.#output.writeMessageBegin(METHOD, Thrift.MessageType.CALL, id)
    writeString(this.#output, 1, name)
    this.#output.writeMessageEnd()
    this.#transport.flush()
  }

  recv_sayHello(input: Protocol, type: number, id: number): void {
    const callback = this._reqs[id]
    delete this._reqs[id]
    if (type === Thrift.MessageType.EXCEPTION) {
      const exception = new Thrift.TApplicationException()
      exception.read(input)
      input.readMessageEnd()
      callback?.(exception, '')
      return
    }
    const text = readString(input, 0)
    input.readMessageEnd()
    callback?.(null, text)
  }
}

export type HelloConnection = {
  sayHello(name: string, callback: Callback): void
  close(): void
}

/** A service that answers `hello NAME from VERSION`; `onRequest` is told of each request. */
export async function startHelloThrift(version: string, port: number, onRequest: () => void): Promise<Server> {
  const sayHello = (name: string): string => {
    onRequest()
    return `hello ${name} from ${version}`
  }
  const server = thrift.createServer(HelloProcessor, { sayHello }, OPTIONS)
  server.on('connection', (socket) => socket.setNoDelay(true))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

export function connectHelloThrift(port: number, onError: (error: Error) => void): HelloConnection {
  const connection = thrift.createConnection('127.0.0.1', port, OPTIONS)
  connection.on('error', onError)
  const client = thrift.createClient(HelloClient, connection)
  return { sayHello: (name, callback) => client.sayHello(name, callback), close: () => connection.end() }
}

/** A struct of one string field. */
function writeString(output: Protocol, field: number, text: string): void {
  output.writeStructBegin('')
  output.writeFieldBegin('', Thrift.Type.STRING, field)
  output.writeString(text)
  output.writeFieldEnd()
  output.writeFieldStop()
  output.writeStructEnd()
}

function readString(input: Protocol, field: number): string {
  let text = ''
  input.readStructBegin()
  for (let next = input.readFieldBegin(); next.ftype !== Thrift.Type.STOP; next = input.readFieldBegin()) {
    if (next.fid === field && next.ftype === Thrift.Type.STRING) text = input.readString()
    else input.skip(next.ftype)
    input.readFieldEnd()
  }
  input.readStructEnd()
  return text
}

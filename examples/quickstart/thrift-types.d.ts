/** The part of npm `thrift` that the sample uses; the package comes without types. */
declare module 'thrift' {
  import type { EventEmitter } from 'node:events'
  import type { Server } from 'node:net'

  export interface Protocol {
    flush(): void
    readMessageBegin(): { fname: string; mtype: number; rseqid: number }
    readMessageEnd(): void
    readStructBegin(): void
    readStructEnd(): void
    readFieldBegin(): { ftype: number; fid: number }
    readFieldEnd(): void
    readString(): string
    skip(type: number): void
    writeMessageBegin(name: string, type: number, seqid: number): void
    writeMessageEnd(): void
    writeStructBegin(name: string): void
    writeStructEnd(): void
    writeFieldBegin(name: string, type: number, id: number): void
    writeFieldEnd(): void
    writeFieldStop(): void
    writeString(text: string): void
  }
  export interface Transport {
    flush(): void
  }
  export interface TException extends Error {
    read(input: Protocol): void
  }
  export const TFramedTransport: unknown
  export const TBinaryProtocol: new (transport: Transport) => Protocol
  export const Thrift: {
    Type: { STOP: number; STRING: number }
    MessageType: { CALL: number; REPLY: number; EXCEPTION: number }
    TApplicationException: new () => TException
  }
  export function createServer(processor: unknown, handler: object, options: object): Server
  export function createConnection(host: string, port: number, options: object): EventEmitter & { end(): void }
  export function createClient<T>(client: new (...arguments_: never[]) => T, connection: EventEmitter): T
}

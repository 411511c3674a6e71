import { type CodecDefinition, DecodeStatus, MessageType, ProtocolError, ResponseStatus } from '@meltemi/sdk'

const FIELDS = 6
const LF = 0x0a

export interface Line {
  readonly type: MessageType
  readonly id?: number | bigint
  readonly stream?: number
  readonly isError?: boolean
  readonly more?: boolean
  readonly text?: string
}

/** A protocol that can say whatever a codec can say, a line each: `type id stream status more text`. */
export function lineCodec(correlation: 'id' | 'order'): CodecDefinition {
  return {
    name: `line.${correlation}`,
    contract: 1,
    correlation,
    create: () => ({
      decode(buffer, metadata) {
        const end = buffer.indexOf(LF, 0)
        if (end < 0) {
          buffer.has(buffer.length + 1)
          return DecodeStatus.WaitForData
        }
        const message = buffer.take(end + 1)
        const fields = message.toString('utf8', 0, end).split(' ')
        if (fields.length !== FIELDS || !/^[0-8]$/.test(fields[0]!)) {
          throw new ProtocolError(`${fields.length} fields are not ${FIELDS}`)
        }
        const [type, id, stream, status, more, text] = fields as [string, string, string, string, string, string]
        metadata.message = message
        metadata.type = Number(type) as MessageType
        metadata.requestId = Number.isSafeInteger(Number(id)) ? Number(id) : BigInt(id)
        metadata.streamId = Number(stream)
        metadata.status = status === 'error' ? ResponseStatus.Error : ResponseStatus.Ok
        metadata.last = more !== 'more'
        metadata.operation = text
        metadata.headerSize = message.length
        metadata.set('text', text)
        return DecodeStatus.Done
      },
      encode: (metadata, _mutation, out) => void out.bytes(metadata.message),
      onError: () => {},
    }),
  }
}

export function line({ type, id = 0, stream = 0, isError = false, more = false, text = 'hi' }: Line): Buffer {
  return Buffer.from(`${type} ${id} ${stream} ${isError ? 'error' : 'ok'} ${more ? 'more' : 'last'} ${text}\n`)
}

export function request(id: number | bigint, text = 'hi'): Buffer {
  return line({ type: MessageType.Request, id, text })
}

export function reply(id: number | bigint, text = 'ho'): Buffer {
  return line({ type: MessageType.Response, id, text })
}

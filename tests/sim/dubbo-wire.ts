import { dubbo } from '@meltemi/codecs/dubbo'
import { MessageType } from '@meltemi/sdk'
import {
  type DubboMessage,
  dubboHeartbeat,
  dubboReply,
  dubboRequest,
  readDubboMessage,
} from '../harness/dubbo-frame.ts'
import type { Frame, Wire } from './wire.ts'

/** Arguments and results are arrays of bytes; routes go by the method. */
export const dubboWire: Wire = {
  name: 'dubbo',
  definition: dubbo,
  kinds: ['oneway', 'heartbeat'],
  hasParts: false,
  routing: { key: 'method', testOf: (route) => ({ kind: 'exact', text: methodOf(route), ignoreCase: false }) },
  write({ type, id, route, isError, body }) {
    switch (type) {
      case MessageType.Heartbeat:
        return dubboHeartbeat(id)
      case MessageType.Response:
        return dubboReply({ id, body, isException: isError, attachments: { from: 'service' } })
      default:
        return dubboRequest({
          id,
          method: methodOf(route),
          body,
          isOneway: type === MessageType.Oneway,
          attachments: { path: 'org.example.Echo', group: 'sim', timeout: '3000' },
        })
    }
  },
  read(bytes) {
    const message = readDubboMessage(bytes)
    if (message === null) return null
    const { id, isError, body, length } = message
    const frame: Frame = { type: typeOf(message), id, stream: 0, isError, isLast: true, body }
    return { frame, length }
  },
  garbage: Buffer.alloc(16, 0x5a),
}

function methodOf(route: number): string {
  return `m${route}`
}

function typeOf({ isEvent, isRequest, isTwoWay }: DubboMessage): MessageType {
  if (isEvent) return MessageType.Heartbeat
  if (!isRequest) return MessageType.Response
  return isTwoWay ? MessageType.Request : MessageType.Oneway
}

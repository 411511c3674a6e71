/** awesomerpc, but a message with command 666 makes decode loop for ever, and 667 makes its thread end. */

import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import type { CodecDefinition } from '@meltemi/sdk'

export const LOOPING_COMMAND = 666
export const DYING_COMMAND = 667

export const looping: CodecDefinition = {
  ...awesomerpc,
  name: 'test.looping',
  create(side, config) {
    const codec = awesomerpc.create(side, config)
    const { decode } = codec
    codec.decode = (buffer, metadata) => {
      const command = side === 'downstream' && buffer.length >= 13 ? buffer.u16(9) : 0
      while (command === LOOPING_COMMAND);
      if (command === DYING_COMMAND) setImmediate(() => process.exit(7))
      return decode.call(codec, buffer, metadata)
    }
    return codec
  },
}

export const codecs = [looping]

import { CompleteCodec, complete } from '../complete.ts'
import { type BrokenCodec, breakCodec } from './broken-codec.ts'

export const brokenDefinitions: readonly BrokenCodec[] = [
  // half a codec for services
  breakCodec('F1', {
    input: ['4d000000190200000000000000000000000000000000000000'],
    facts: {
      // biome-ignore format: the line that is named
      create: (side, config) => { // F1
        const codec = new CompleteCodec(side, config)
        return side === 'downstream' ? codec : Object.assign(codec, { onError: undefined })
      },
    },
  }),
  // options that create takes, but validate does not know
  breakCodec('F2', {
    input: ['4e000000190000000000000000000800000000000000000000'],
    facts: {
      validate: (config) => (config === undefined ? [] : ['there are no options']), // F2
    },
  }),
  // takes missing bytes for a foreign protocol
  breakCodec('F3', {
    input: ['4d'],
    facts: {
      detect: (bytes) => bytes.length > 6 && complete.detect?.(bytes) === true, // F3
    },
  }),
  // every request a dialect of its own
  breakCodec('F4', {
    input: ['4d000000190200000000000000000000000000000000000000'],
    facts: {
      dialect: ({ requestId }) => `dialect of ${requestId}`, // F4
    },
  }),
]

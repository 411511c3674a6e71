import type { Metadata } from '@meltemi/sdk'

const SMALL_BYTES = 4096

/**
 * For a message that has to wait: a small message would keep the whole chunk it came in from being freed, so it gets
 * memory of its own.
 */
export function keepSmall(waiting: Metadata): void {
  const { message } = waiting
  if (message.length >= SMALL_BYTES || message.buffer.byteLength <= 2 * message.length) return
  const own = Buffer.allocUnsafeSlow(message.length)
  message.copy(own)
  waiting.message = own
}

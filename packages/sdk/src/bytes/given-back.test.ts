import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReceiveBuffer } from './receive-buffer.ts'

// in a process of its own: memory that other tests leave behind goes back at any moment

test('what is held of a large message goes back to the machine as soon as it is forgotten', () => {
  const rss = () => process.memoryUsage.rss()
  const buffers = Array.from({ length: 8 }, () => new ReceiveBuffer())
  const chunk = Buffer.alloc(64 * 1024, 1)
  const before = rss()
  for (const buffer of buffers) {
    buffer.append(chunk)
    buffer.has(16 * 1024 * 1024)
    for (let n = 0; n < 128; n++) buffer.append(chunk)
  }
  const held = rss()
  assert.ok(held - before > 50 * 1024 * 1024, `${held - before} bytes are held`)
  for (const buffer of buffers) buffer.clear()
  assert.ok(held - rss() > 50 * 1024 * 1024, `${held - rss()} bytes have gone back`)
})

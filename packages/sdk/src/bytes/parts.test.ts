import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePart, keepWindow, newPart, newWindow, PART_BYTES } from './parts.ts'

test('a few parts are kept for the next, more while many are in use, and the others are given back', () => {
  const parts = Array.from({ length: 100 }, newPart)
  const isGone = (part: Buffer) => part.buffer.byteLength === 0
  for (const part of parts) assert.equal(part.length, PART_BYTES)
  for (const part of parts.slice(0, 30)) freePart(part)
  assert.equal(parts.filter(isGone).length, 0)
  const again = newPart()
  assert.ok(parts.includes(again))
  freePart(again)
  for (const part of parts.slice(30)) freePart(part)
  const kept = parts.length - parts.filter(isGone).length
  assert.ok(kept > 10 && kept < 50, `${kept} are kept`)
})

test('a few windows are kept for the next, and none of them can be resized', () => {
  const windows = Array.from({ length: 100 }, newWindow)
  for (const window of windows)
    assert.deepEqual([window.length, (window.buffer as ArrayBuffer).resizable], [PART_BYTES, false])
  for (const window of windows) keepWindow(window)
  const again = Array.from({ length: 100 }, newWindow)
  assert.equal(new Set(again).size, 100)
  const kept = again.filter((window) => windows.includes(window)).length
  assert.ok(kept > 10 && kept < 50, `${kept} are kept`)
})

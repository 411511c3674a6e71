import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FuzzInput, inputOf } from './fuzz-input.ts'
import type { NumberField } from './layout.ts'
import { shrinking } from './shrink.ts'

function shrunk(input: FuzzInput, fails: (bytes: Buffer) => boolean): { hex: string; tries: number } {
  const search = shrinking(input)
  let smallest = input
  let tries = 0
  for (let step = search.next(); !step.done; tries++) {
    const isAlike = fails(step.value.bytes)
    if (isAlike) smallest = step.value
    step = search.next(isAlike)
  }
  return { hex: smallest.bytes.toString('hex'), tries }
}

const noise = inputOf({ name: 'noise', side: 'downstream', bytes: Buffer.alloc(500, 0xab) })

test('what does not matter is left out, the rest becomes as small as it can be', () => {
  noise.bytes[123] = 0x7f
  const { hex, tries } = shrunk(noise, (bytes) => bytes.some((byte) => byte > 0x30 && byte < 0x80))
  assert.equal(hex, '31')
  assert.ok(tries < 4000, `${tries} tries`)
})

test('bytes that belong together stay in order', () => {
  const { hex } = shrunk(noise, (bytes) => bytes.indexOf(0x7f) >= 0 && bytes.lastIndexOf(0xab) > bytes.indexOf(0x7f))
  assert.equal(hex, '7fab')
})

test('lengths follow, so that inputs which must be right get shorter too', () => {
  const bytes = Buffer.concat([Buffer.of(0, 40), Buffer.alloc(40, 0x61)])
  const length: NumberField = { at: 0, bytes: 2, isLittle: false, role: 'length', unit: 1, reach: 42 }
  const input = { ...inputOf({ name: 'frame', side: 'upstream', bytes }), layout: layoutOf(length) }
  const isRight = (frame: Buffer) => frame.length > 2 && frame.length === 2 + frame.readUInt16BE(0)
  assert.equal(shrunk(input, (frame) => isRight(frame) && frame.at(-1) === 0x61).hex, '000161')
})

function layoutOf(number: NumberField): FuzzInput['layout'] {
  return { numbers: [number], texts: [], messages: [] }
}

test('whole messages are left out first', () => {
  const bytes = Buffer.from('aa01bb02cc03', 'hex')
  const messages = [0, 2, 4].map((start) => ({ start, end: start + 2 }))
  const input = {
    ...inputOf({ name: 'three', side: 'downstream', bytes }),
    layout: { numbers: [], texts: [], messages },
  }
  const seen: string[] = []
  const { hex } = shrunk(input, (candidate) => {
    seen.push(candidate.toString('hex'))
    return candidate.length % 2 === 0 && candidate.includes(0xbb)
  })
  assert.deepEqual(seen.slice(0, 2), ['aa01bb02', 'aa01'])
  assert.equal(hex, 'bb00')
})

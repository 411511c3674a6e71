import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conformance, decodeSample } from '@meltemi/sdk/testing'
import { optioned, optionedFrame } from './optioned.ts'
import { optionedSamples } from './samples.ts'

conformance(optioned, optionedSamples.samples)

test('options change how the same bytes are read', () => {
  const config = { lengthBytes: 2, byteOrder: 'little' } as const
  assert.equal(optionedFrame({ id: 5, body: 'a' }, config).toString('hex'), '0800050000000061')
  const bytes = optionedFrame({ id: 5, body: 'a' }, config)
  const [message] = decodeSample(optioned, { name: 'little', side: 'downstream', bytes, config })
  assert.deepEqual([message!.requestId, message!.get('body')], [5, 'a'])
})

test('right options pass, and each wrong one is named', () => {
  const problems = (config: unknown) => optioned.validate?.(config)
  assert.deepEqual(problems(undefined), [])
  assert.deepEqual(problems({}), [])
  assert.deepEqual(problems({ lengthBytes: 2, byteOrder: 'little' }), [])
  assert.deepEqual(problems('wide'), ['options must be an object'])
  assert.deepEqual(problems({ lengthBytes: 3, byteOrder: 'middle', width: 1 }), [
    'lengthBytes: expected 1 or 2 or 4, got 3',
    'byteOrder: expected big or little, got "middle"',
    'width: there is no such option',
  ])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RingBuffer } from './ring-buffer.ts'

test('behaves as an array with a bound, for any sequence of pushes, shifts and looks', () => {
  const action = fc.constantFrom('push', 'push', 'push', 'shift', 'shift', 'at', 'clear')
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), fc.integer({ min: 0, max: 40 }), (actions, maxLength) => {
      const buffer = new RingBuffer<number>(maxLength)
      const model: number[] = []
      actions.forEach((name, step) => {
        if (name === 'push') {
          const hasRoom = model.length < maxLength
          assert.equal(buffer.push(step), hasRoom)
          if (hasRoom) model.push(step)
        }
        if (name === 'shift') assert.equal(buffer.shift(), model.shift())
        if (name === 'at') assert.equal(buffer.at(step % 7), model[step % 7])
        if (name === 'clear' && step % 5 === 0) {
          buffer.clear()
          model.length = 0
        }
        assert.equal(buffer.length, model.length)
      })
    }),
    { seed: 1 },
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseLabelSelector } from './label-selector.ts'

const LABELS = { app: 'greeter', version: 'v1', 'example.com/tier': '' }

test('every term must hold', () => {
  for (const text of ['', ' ', 'app=greeter', 'app==greeter', 'app = greeter , version=v1', 'example.com/tier=']) {
    assert.equal(parseLabelSelector(text)(LABELS), true, text)
  }
  for (const text of ['app=other', 'app=greeter,version=v2', 'absent=', 'App=greeter']) {
    assert.equal(parseLabelSelector(text)(LABELS), false, text)
  }
})

test('unequal holds for labels that are not there; a name alone asks whether it is there', () => {
  for (const text of ['version!=v2', 'absent!=x', 'app', '!absent', 'example.com/tier']) {
    assert.equal(parseLabelSelector(text)(LABELS), true, text)
  }
  for (const text of ['version!=v1', '!app', 'absent']) assert.equal(parseLabelSelector(text)(LABELS), false, text)
})

test('names that every object has are no labels', () => {
  for (const name of ['constructor', 'toString', 'hasOwnProperty']) {
    assert.equal(parseLabelSelector(name)(LABELS), false, name)
    assert.equal(parseLabelSelector(`!${name}`)(LABELS), true, name)
  }
})

test('anything else is refused with what was expected', () => {
  for (const text of ['app in (a, b)', 'app=a b', '=a', 'app=a,', '!app=a', 'app>1', ','.repeat(70), 'a'.repeat(400)]) {
    assert.throws(() => parseLabelSelector(text), /^StatusError: labelSelector: expected /, text)
  }
})

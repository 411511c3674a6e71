import assert from 'node:assert/strict'
import { fstatSync, openSync } from 'node:fs'
import { test } from 'node:test'
import type { ListenerConfig } from '@meltemi/api/model'
import { Inheritance, type InheritedSocket } from './inheritance.ts'

const HOST = '127.0.0.1'

function socket(fd: number, port = 9000, listener = 'a'): InheritedSocket {
  return { listener, address: { host: HOST, port }, fd }
}

function listener(name: string, port: number): ListenerConfig {
  return { name, address: { host: HOST, port } } as ListenerConfig
}

test('fewer threads than before take several sockets each, more leave some without', () => {
  const sockets = [10, 11, 12].map((fd) => socket(fd))
  const address = { host: HOST, port: 9000 }
  const two = Inheritance.of(sockets)
  assert.deepEqual(
    [two.claim(address, { place: 0, places: 2 }), two.claim(address, { place: 1, places: 2 })],
    [[10, 12], [11]],
  )
  const four = Inheritance.of(sockets)
  assert.deepEqual(
    [0, 1, 2, 3].map((worker) => four.claim(address, { place: worker, places: 4 })),
    [[10], [11], [12], []],
  )
})

test('a socket is taken once, whoever asks, in all threads that share it', () => {
  const inheritance = Inheritance.of([socket(10)])
  const elsewhere = new Inheritance(inheritance.shared)
  const address = { host: HOST, port: 9000 }
  assert.deepEqual(elsewhere.claim(address, { place: 0, places: 1 }), [10])
  assert.deepEqual(inheritance.claim(address, { place: 0, places: 1 }), [])
  assert.equal(inheritance.place(listener('a', 9000)), undefined)
})

test('a listener finds its address, one that asks for any port the one that it had', () => {
  const inheritance = Inheritance.of([socket(10), socket(11, 9001, 'b')])
  assert.deepEqual(inheritance.place(listener('other', 9000))?.address, { host: HOST, port: 9000 })
  assert.deepEqual(inheritance.place(listener('b', 0))?.address, { host: HOST, port: 9001 })
  assert.equal(inheritance.place(listener('c', 0)), undefined)
  assert.equal(inheritance.place(listener('a', 9002)), undefined)
})

test('what nobody has taken is closed', () => {
  const fd = openSync('/dev/null', 'r')
  const inheritance = Inheritance.of([socket(fd)])
  inheritance.closeRest()
  assert.throws(() => fstatSync(fd), /EBADF/)
  inheritance.closeRest()
})

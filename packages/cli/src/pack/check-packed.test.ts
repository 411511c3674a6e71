import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPacked } from './check-packed.ts'

const codec = (contract: number): string => `{ name: 'x', contract: ${contract}, correlation: 'order', create() {} }`

test('what a module brings is told', async () => {
  const filter = "{ name: 'f', typeUrl: 't', parse() {}, create() {} }"
  assert.deepEqual(await checkPacked(`export const codecs = [${codec(1)}], filters = [${filter}]`, 'x.ts'), {
    codecs: [{ name: 'x', contract: 1, correlation: 'order' }],
    filters: [{ name: 'f', typeUrl: 't' }],
  })
})

test('every fault of a module is told, with its name', async () => {
  await assert.rejects(checkPacked(`export const codecs = [${codec(0)}, ${codec(3)}]`, 'x.ts'), (error: Error) => {
    const faults = error.message.split('; x.ts')
    assert.match(faults[0] ?? '', /^x\.ts \(packed\): codecs\[0\]: codec 'x' is written for contract 0/)
    assert.match(faults[1] ?? '', /^ \(packed\): codecs\[1\]: codec 'x' is written for contract 3/)
    return faults.length === 2
  })
})

test('a module that never ends is not waited for', async () => {
  const message = 'x.ts (packed): it has not finished loading after 1 s'
  await assert.rejects(checkPacked('for (;;);', 'x.ts', 1000), { message })
})

test('a module that breaks the thread later is refused all the same', async () => {
  const code = `setTimeout(() => { throw new TypeError('late') }); await new Promise((end) => setTimeout(end, 100)); export const codecs = [${codec(1)}]`
  await assert.rejects(checkPacked(code, 'x.ts'), { message: /^x\.ts \(packed\): .*TypeError: late$/ })
})

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type ProxyProcess, startProxyProcess } from '../harness/index.ts'

const THRESHOLD = 'MALLOC_MMAP_THRESHOLD_'

test('a proxy has glibc give large blocks back, in the same process, unless the environment says otherwise', async () => {
  await using proxy = await start({})
  assert.equal(environmentOf(proxy).get(THRESHOLD), String(1024 * 1024))
  await using chosen = await start({ [THRESHOLD]: '65536' })
  assert.equal(environmentOf(chosen).get(THRESHOLD), '65536')
})

function start(environment: Readonly<Record<string, string>>): Promise<ProxyProcess> {
  return startProxyProcess({ codec: 'aeraki.meta_protocol.codec.awesomerpc', endpoints: [1], environment })
}

/** As the kernel has it of the process that was started. */
function environmentOf({ child }: ProxyProcess): ReadonlyMap<string, string> {
  const pairs = readFileSync(`/proc/${child.pid}/environ`, 'utf8').split('\0')
  return new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
}

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type ProxyProcess, startProxyProcess } from '../harness/index.ts'

const THRESHOLD = 'MALLOC_MMAP_THRESHOLD_'
const OWN_GARBAGE = '--single-threaded-gc'

test('a proxy has glibc give large blocks back, in the same process, unless the environment says otherwise', async () => {
  await using proxy = await start({})
  assert.equal(environmentOf(proxy).get(THRESHOLD), String(1024 * 1024))
  await using chosen = await start({ [THRESHOLD]: '65536' })
  assert.equal(environmentOf(chosen).get(THRESHOLD), '65536')
})

test('where a listener has a thread of its own, threads collect their garbage without helpers', async () => {
  await using proxy = await start({})
  assert.ok(!flagsOf(proxy).includes(OWN_GARBAGE))
  for (const flag of [['--own-thread', 'a'], ['--own-thread=a']]) {
    await using own = await start({ [THRESHOLD]: '65536' }, flag)
    assert.equal(flagsOf(own).filter((each) => each === OWN_GARBAGE).length, 1)
  }
})

function start(environment: Readonly<Record<string, string>>, flags: readonly string[] = []): Promise<ProxyProcess> {
  const codec = 'aeraki.meta_protocol.codec.awesomerpc'
  return startProxyProcess({ codec, endpoints: [1], environment, arguments: flags })
}

/** With which the process runs. */
function flagsOf({ child }: ProxyProcess): readonly string[] {
  return readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').split('\0')
}

/** As the kernel has it of the process that was started. */
function environmentOf({ child }: ProxyProcess): ReadonlyMap<string, string> {
  const pairs = readFileSync(`/proc/${child.pid}/environ`, 'utf8').split('\0')
  return new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
}

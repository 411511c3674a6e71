import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { CONTRACT, CONTRACT_VERSIONS, contractFault } from './contract-versions.ts'

test('every version of the contract has a row, and the last one is spoken', () => {
  assert.deepEqual(
    CONTRACT_VERSIONS.map(({ contract }) => contract),
    Array.from({ length: CONTRACT + 1 }, (_, contract) => contract),
  )
  assert.equal(CONTRACT_VERSIONS.at(-1)?.runs, true)
  for (const { contract, change } of CONTRACT_VERSIONS.slice(1)) assert.ok(change.length > 10, `contract ${contract}`)
})

test('the sdk beside this proxy is one of those that have the contract that it speaks', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../sdk/package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  assert.equal(version.split('.', 2).join('.'), CONTRACT_VERSIONS.at(-1)?.sdk)
})

test('a codec of an older contract is told what has changed since, and what to build it with', () => {
  assert.equal(
    contractFault(0),
    'is written for contract 0, this proxy speaks contract 1; since then patchIds(bytes, start, requestId, streamId) ' +
      'is told where the message starts: adapt the codec and build it with @meltemi/sdk 0.1',
  )
})

test('for a codec of a newer contract the proxy is to be upgraded', () => {
  assert.equal(
    contractFault(CONTRACT + 1),
    'is written for contract 2, this proxy speaks contract 1: upgrade the proxy, or build the codec with @meltemi/sdk 0.1',
  )
})

test('a contract that is no whole number is told what it is', () => {
  const found = [undefined, null, '1', -1, 0.5, Number.NaN, 1n].map((contract) => contractFault(contract))
  const kinds = ['undefined', 'object', 'string', '-1', '0.5', 'NaN', 'bigint']
  assert.deepEqual(
    found,
    kinds.map((kind) => `has a 'contract' that should be the whole number 1, and is ${kind}`),
  )
})

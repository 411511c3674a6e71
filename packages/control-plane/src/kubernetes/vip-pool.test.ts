import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ResourceKey } from '@meltemi/api'
import { planVips, type VipClaim } from './vip-pool.ts'

function claim(name: string, addresses: readonly string[] = [], isOurs = true): VipClaim {
  return { key: `ServiceEntry/shop/${name}` as ResourceKey, addresses, isOurs }
}

function given(...claims: readonly VipClaim[]): Readonly<Record<string, readonly string[]>> {
  const { addresses } = planVips(claims)
  return Object.fromEntries([...addresses].map(([key, each]) => [key.slice('ServiceEntry/shop/'.length), each]))
}

describe('addresses', () => {
  test('begin with 240.240.0.1, and go on behind the highest there is', () => {
    assert.deepEqual(given(claim('a'), claim('b')), { a: ['240.240.0.1'], b: ['240.240.0.2'] })
    assert.deepEqual(given(claim('a'), claim('b', ['240.240.0.254'])), { a: ['240.240.1.1'] })
    assert.deepEqual(given(claim('a'), claim('b', ['240.240.254.254'])), { a: ['240.240.0.1'] })
  })

  test('are those of nobody else, whoever has them and in whichever place', () => {
    const others = [claim('b', ['10.0.0.1', '240.240.0.1']), claim('c', ['240.240.0.2'], false)]
    assert.deepEqual(given(claim('a'), ...others), { a: ['240.240.0.3'] })
  })

  test('stay, so that there is nothing to write the second time', () => {
    const first = given(claim('a'), claim('b'))
    assert.deepEqual(given(claim('a', first['a']), claim('b', first['b'])), {})
  })

  test('that two have are left to the first; others that one has stay', () => {
    const shared = ['10.0.0.1', '240.240.0.1']
    assert.deepEqual(given(claim('a', shared), claim('b', shared)), { b: ['10.0.0.1', '240.240.0.2'] })
    assert.deepEqual(given(claim('a', shared), claim('b', shared, false)), {})
  })

  test('are not given to whom we do not serve', () => {
    assert.deepEqual(given(claim('a', [], false)), {})
  })

  test('come to an end, and then that is said', () => {
    const all = Array.from({ length: 255 * 254 }, (_, index) => claim(`${index}`))
    const { addresses, unserved } = planVips([...all, claim('one'), claim('more')])
    assert.equal(new Set([...addresses.values()].flat()).size, 255 * 254)
    assert.deepEqual(
      [...addresses.values()].flat().filter((address) => /\.(0|255)$/.test(address)),
      [],
    )
    assert.deepEqual(unserved, ['ServiceEntry/shop/one', 'ServiceEntry/shop/more'])
  })
})

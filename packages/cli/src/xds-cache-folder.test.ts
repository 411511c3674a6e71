import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { test } from 'node:test'
import { xdsCacheFolder } from './xds-cache-folder.ts'

test('each node has a folder in the cache of the user, whatever it is called', () => {
  assert.equal(xdsCacheFolder('edge-1', { XDG_CACHE_HOME: '/cache' }), '/cache/meltemi/xds/edge-1')
  assert.equal(xdsCacheFolder('../x', { XDG_CACHE_HOME: '/cache' }), '/cache/meltemi/xds/%2E%2E%2Fx')
  for (const environment of [{}, { XDG_CACHE_HOME: '' }, { XDG_CACHE_HOME: 'relative' }])
    assert.equal(xdsCacheFolder('n', environment), `${homedir()}/.cache/meltemi/xds/n`)
})

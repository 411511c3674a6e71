import assert from 'node:assert/strict'
import { test } from 'node:test'
import { usableEndpoints } from './panic.ts'

function endpoints(healthyCount: number, total: number) {
  return Array.from({ length: total }, (_, index) => ({
    address: `10.0.0.${index}:1`,
    hostname: '',
    weight: 1,
    healthy: index < healthyCount,
    activeRequests: 0,
  }))
}

test('with enough healthy endpoints only they are used', () => {
  const usable = usableEndpoints(endpoints(5, 10), 50)
  assert.equal(usable.isPanicking, false)
  assert.equal(usable.endpoints.length, 5)
})

test('below the panic threshold all are used', () => {
  const usable = usableEndpoints(endpoints(4, 10), 50)
  assert.equal(usable.isPanicking, true)
  assert.equal(usable.endpoints.length, 10)
})

test('a threshold of 0 never panics, not even without a healthy endpoint', () => {
  const usable = usableEndpoints(endpoints(0, 10), 0)
  assert.equal(usable.isPanicking, false)
  assert.equal(usable.endpoints.length, 0)
})

test('a cluster without endpoints does not panic', () => {
  assert.equal(usableEndpoints([], 50).isPanicking, false)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Resource } from '@meltemi/api'
import { resources } from '../testing/resources.ts'
import { canonicalJson, withVersion } from './resource-version.ts'

test('a version says what a resource says, whatever the order of its fields', () => {
  const versions = [
    '{ apiVersion: v1, kind: Service, metadata: { name: a }, spec: { ports: [{ port: 1, name: x }] } }',
    '{ kind: Service, spec: { ports: [{ name: x, port: 1 }] }, metadata: { name: a }, apiVersion: v1 }',
    '{ apiVersion: v1, kind: Service, metadata: { name: a, resourceVersion: "77" }, spec: { ports: [{ port: 1, name: x }] } }',
  ].map((text) => resources(text)[0]?.metadata.resourceVersion)
  assert.match(versions[0] ?? '', /^[0-9a-f]{16}$/)
  assert.deepEqual(new Set(versions).size, 1)
  const [other] = resources(
    '{ apiVersion: v1, kind: Service, metadata: { name: a }, spec: { ports: [{ port: 2, name: x }] } }',
  )
  assert.notEqual(other?.metadata.resourceVersion, versions[0])
})

test('a name that means something to objects means nothing here', () => {
  assert.equal(canonicalJson(JSON.parse('{"__proto__": {"b": 1, "a": 2}}')), '{"__proto__":{"a":2,"b":1}}')
  const [resource] = resources('{ apiVersion: v1, kind: Service, metadata: { name: a }, spec: {} }')
  const strange = { ...resource, spec: JSON.parse('{"__proto__": 1}') } as Resource
  assert.notEqual(withVersion(strange).metadata.resourceVersion, resource?.metadata.resourceVersion)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBootstrap } from '../parse-bootstrap.ts'
import type { FilterRule } from './convert-context.ts'

const TYPE = 'type.googleapis.com/test.Guard'
const OFF = '{"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}'
const rule: FilterRule = {
  name: 'guard',
  parse: (json, problem) => {
    if ((json as { word?: string }).word === 'bad') problem('word', 'is bad')
  },
}
const options = {
  filters: new Map([
    [TYPE, rule],
    ['type.googleapis.com/test.Other', { ...rule, name: 'other' }],
  ]),
}

function parse(overrides: string) {
  return parseBootstrap(
    `
static_resources:
  clusters: {name: c}
  listeners:
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
      filters:
        name: any
        typed_config: {
          "@type": type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy,
          stat_prefix: s, protocol: {name: p, codec: {name: c}}, meta_protocol_filters: [{name: guard}],
          route_config: {routes: [{route: {cluster: c, typed_per_filter_config: ${overrides}}}]}}
`,
    'file.yaml',
    options,
  )
}

function overridesOf(overrides: string) {
  const result = parse(overrides)
  assert.ok(result.config !== undefined, JSON.stringify(result.problems))
  const { filter } = result.config.listeners[0] ?? assert.fail()
  assert.ok(filter.kind === 'meta-protocol')
  return filter.routes.routes[0]?.overrides
}

function problemsOf(overrides: string): readonly string[] {
  const prefix = 'static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config.routes[0].route.'
  return parse(overrides).problems.map(({ path, message }) => `${path.replace(prefix, '')}: ${message}`)
}

test('a route may configure a filter, or take it away', () => {
  const filter = { name: 'guard', typeUrl: TYPE, config: { word: 'x' } }
  assert.deepEqual(overridesOf(`{guard: {"@type": ${TYPE}, word: x}}`), [{ name: 'guard', filter }])
  const wrapped = `{"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, config: {"@type": ${TYPE}, word: x}}`
  assert.deepEqual(overridesOf(`{guard: ${wrapped}}`), [{ name: 'guard', filter }])
  assert.deepEqual(overridesOf(`{guard: ${OFF}}`), [{ name: 'guard', filter: undefined }])
  assert.equal(overridesOf('{}'), undefined)
})

test('what a route says to a filter is refused with its place when there is something wrong with it', () => {
  const at = 'typed_per_filter_config'
  const wrapper = '"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig'
  assert.deepEqual(problemsOf(`{guard: {"@type": ${TYPE}, word: bad}}`), [`${at}["guard"].word: is bad`])
  assert.deepEqual(problemsOf(`{none: ${OFF}}`), [`${at}["none"]: the listener has no filter "none"`])
  assert.deepEqual(problemsOf('{guard: {"@type": type.googleapis.com/test.Nothing}}'), [
    `${at}["guard"]: there is no filter of type test.Nothing`,
  ])
  assert.deepEqual(problemsOf('{guard: {"@type": type.googleapis.com/test.Other}}'), [
    `${at}["guard"]: filter "guard" is configured by ${TYPE}`,
  ])
  assert.deepEqual(problemsOf(`{guard: {${wrapper}}}`), [`${at}["guard"].disabled: expected true, or a config`])
  assert.deepEqual(problemsOf(`{guard: {${wrapper}, disabled: true, config: {"@type": ${TYPE}}}}`), [
    `${at}["guard"].disabled: a filter that is disabled has no config`,
    `${at}["guard"].config: a filter that is disabled has no config`,
  ])
  assert.deepEqual(problemsOf(`{guard: {${wrapper}, disabled: true, is_optional: true}}`), [
    `${at}["guard"].is_optional: is_optional is not supported yet`,
  ])
})

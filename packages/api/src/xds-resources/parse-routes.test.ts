import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf'
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts'
import type { RouteConfig } from '../model/index.ts'
import { parseRoutes } from './parse-routes.ts'

const CONTEXT = {
  options: {},
  sources: { hasAds: true, staticClusters: new Set<string>() },
  connectionLimits: new Map<string, number>(),
}

describe('routes in the carrier', () => {
  test('are converted as the reference converts them', () => {
    const routes = acceptRoutes({
      name: 'x',
      match: { prefix: '/', headers: [{ name: 'method', safe_regex_match: { google_re2: {}, regex: '^s.*o$' } }] },
      route: {
        cluster: 'outbound|20880|v1|host',
        hash_policy: [{ header: { header_name: 'method' } }],
        request_mirror_policies: [
          {
            cluster: 'outbound|20880|v2|host',
            runtime_fraction: { default_value: { numerator: 500_000, denominator: 'MILLION' } },
          },
        ],
      },
      request_headers_to_add: [{ header: { key: 'foo', value: 'bar' } }],
      request_headers_to_remove: ['old'],
      response_headers_to_add: [{ header: { key: 'a', value: 'b' } }],
    })
    assert.deepEqual(routes, [
      {
        name: 'x',
        match: {
          metadata: [
            { name: 'method', test: { kind: 'regex', pattern: '^s.*o$' }, invert: false, treatMissingAsEmpty: false },
          ],
        },
        clusters: [{ cluster: 'outbound|20880|v1|host', weight: 1 }],
        hashPolicy: ['method'],
        mirrors: [{ cluster: 'outbound|20880|v2|host', numerator: 500_000, denominator: 1_000_000 }],
        timeoutMs: undefined,
        requestMutation: [
          { key: 'foo', value: 'bar' },
          { key: 'old', value: undefined },
        ],
        responseMutation: [{ key: 'a', value: 'b' }],
      },
    ])
  })

  test('split by weight', () => {
    const clusters = [
      { name: 'v1', weight: 20 },
      { name: 'v2', weight: 80 },
    ]
    const [route] = acceptRoutes(routeTo({ weighted_clusters: { clusters, total_weight: 100 } }))
    assert.deepEqual(route?.clusters, [
      { cluster: 'v1', weight: 20 },
      { cluster: 'v2', weight: 80 },
    ])
  })

  test('mirror everything where no fraction is given', () => {
    const [route] = acceptRoutes(routeTo({ cluster: 'c', request_mirror_policies: [{ cluster: 'm' }] }))
    assert.deepEqual(route?.mirrors, [{ cluster: 'm', numerator: 100, denominator: 100 }])
  })

  test('have a timeout only when they say one', () => {
    const timeout = (text: object) => acceptRoutes(routeTo({ cluster: 'c', ...text }))[0]?.timeoutMs
    assert.equal(timeout({}), undefined)
    assert.equal(timeout({ timeout: '2s' }), 2000)
    assert.equal(parse(table([routeTo({ cluster: 'c', timeout: '0s' })])).value?.routes[0]?.timeoutMs, 0)
  })
})

describe('what the carrier cannot carry is refused', () => {
  const cases: readonly (readonly [string, object, string])[] = [
    ['no virtual host', { name: 'r' }, 'virtual_hosts: expected exactly one virtual host, got 0'],
    [
      'two virtual hosts',
      { name: 'r', virtual_hosts: [host([routeTo({ cluster: 'c' })]), host([routeTo({ cluster: 'c' })])] },
      'virtual_hosts: expected exactly one virtual host, got 2',
    ],
    ['no route', table([]), 'virtual_hosts[0].routes: routes is required'],
    [
      'a route without an action',
      table([{ match: { prefix: '/' } }]),
      'virtual_hosts[0].routes[0]: one of route, redirect, direct_response, filter_action, non_forwarding_action is required',
    ],
    [
      'an action that needs HTTP',
      table([{ match: { prefix: '/' }, redirect: { host_redirect: 'a' } }]),
      'virtual_hosts[0].routes[0].redirect: redirect is not supported yet',
    ],
    [
      'a path',
      table([{ match: { prefix: '/a' }, route: { cluster: 'c' } }]),
      'virtual_hosts[0].routes[0].match.prefix: expected "/", for there is no path, got "/a"',
    ],
    [
      'a domain',
      { name: 'r', virtual_hosts: [{ ...host([routeTo({ cluster: 'c' })]), domains: ['a.b'] }] },
      'virtual_hosts[0].domains: expected only "*", got ["a.b"]',
    ],
    [
      'a header that is set only where there is none',
      table([
        {
          ...routeTo({ cluster: 'c' }),
          request_headers_to_add: [{ header: { key: 'a' }, append_action: 'ADD_IF_ABSENT' }],
        },
      ]),
      'virtual_hosts[0].routes[0].request_headers_to_add[0].append_action: ADD_IF_ABSENT is not supported',
    ],
    [
      'a hash of anything but metadata',
      table([routeTo({ cluster: 'c', hash_policy: [{ connection_properties: { source_ip: true } }] })]),
      'virtual_hosts[0].routes[0].route.hash_policy[0].connection_properties: connection_properties is not supported yet',
    ],
    [
      'a mirror without a cluster',
      table([routeTo({ cluster: 'c', request_mirror_policies: [{}] })]),
      'virtual_hosts[0].routes[0].route.request_mirror_policies[0].cluster: cluster is required',
    ],
    ['a table without a name', { virtual_hosts: [host([routeTo({ cluster: 'c' })])] }, 'name: name is required'],
  ]
  for (const [title, json, expected] of cases) {
    test(title, () => {
      const { value, problems } = parse(json)
      assert.equal(value, undefined)
      assert.deepEqual(
        problems.map(({ path, message }) => `${path}: ${message}`),
        [expected],
      )
    })
  }
})

function routeTo(action: object): object {
  return { match: { prefix: '/' }, route: action }
}

function host(routes: readonly object[]): object {
  return { name: 'dummy', domains: ['*'], routes }
}

function table(routes: readonly object[]): object {
  return { name: 'r', virtual_hosts: [host(routes)] }
}

function parse(json: object) {
  const message = fromJson(RouteConfigurationSchema, json as JsonValue)
  return parseRoutes(toBinary(RouteConfigurationSchema, message), CONTEXT)
}

function acceptRoutes(route: object): readonly RouteConfig[] {
  const { name, value, problems } = parse(table([route]))
  assert.deepEqual(problems, [])
  assert.equal(name, 'r')
  return value?.routes ?? assert.fail('no table')
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type FilterConfig,
  type FilterOverride,
  type MetaProtocolConfig,
  NO_CHANGE,
  type RouteConfig,
  rdsKey,
} from '@meltemi/api'
import { type Filter, type FilterDefinition, FilterStatus } from '@meltemi/sdk'
import { filter, mutableRequest, setUpFiltered } from '../harness/filtered.ts'
import { echo, holding, testRoute } from '../harness/index.ts'

const RDS = { routeConfigName: 'own', source: { kind: 'ads', initialFetchTimeoutMs: 0 } } as const

/** Says when it runs, with the word that it is configured with. */
function speaker(name: string, log: string[]): FilterDefinition<string> {
  return {
    name,
    typeUrl: `type.googleapis.com/test.${name}`,
    parse: (json) => (json as { readonly word?: string }).word ?? name,
    create: (word): Filter => ({
      onRequest() {
        log.push(`${word}>`)
        return FilterStatus.Continue
      },
      onReply() {
        log.push(`<${word}`)
        return FilterStatus.Continue
      },
      onDone() {
        log.push(`${word}.`)
      },
    }),
  }
}

function config(name: string, word: string): FilterConfig {
  return { name, typeUrl: `type.googleapis.com/test.${name}`, config: { word } }
}

const off = (name: string): FilterOverride => ({ name, filter: undefined })
const own = (name: string, word: string): FilterOverride => ({ name, filter: config(name, word) })

function routeFor(who: string, ...overrides: FilterOverride[]): RouteConfig {
  const is = { kind: 'exact', text: who, ignoreCase: false } as const
  return testRoute('service', {
    name: who,
    match: { metadata: [{ name: 'who', test: is, invert: false, treatMissingAsEmpty: false }] },
    overrides,
  })
}

test('a route takes a filter away, or configures it otherwise, for requests, replies and the end', async () => {
  const log: string[] = []
  const routes = [routeFor('quiet', off('b')), routeFor('other', own('a', 'A'), own('b', 'B')), testRoute('service')]
  await using setup = await setUpFiltered([speaker('a', log), speaker('b', log)], { routes })
  const heard = async (id: number, who: string) => {
    log.length = 0
    await setup.client.request(mutableRequest(id, { who }))
    await setup.proxy.until('request_active', 0)
    return log.join(' ')
  }
  assert.equal(await heard(1, 'quiet'), 'a> <a a.')
  assert.equal(await heard(2, 'other'), 'A> B> <A <B A. B.')
  assert.equal(await heard(3, 'nobody'), 'a> b> <a <b a. b.')
})

test('what a filter sets in the request decides whose the next filter is', async () => {
  const log: string[] = []
  const setter = filter('setter', {
    onRequest({ request }) {
      request.set('who', 'quiet')
      return FilterStatus.Continue
    },
  })
  const routes = [routeFor('quiet', off('b')), testRoute('service')]
  await using setup = await setUpFiltered([speaker('a', log), setter, speaker('b', log)], { routes })
  await setup.client.request(mutableRequest(1))
  await setup.proxy.until('request_active', 0)
  assert.equal(log.join(' '), 'a> <a a.')
})

/** A proxy that gets its routes while it runs. */
async function setUpRds(log: string[], handler = echo) {
  const rds = { rds: RDS, routes: { name: '', routes: [] } }
  const setup = await setUpFiltered([speaker('a', log)], { filter: rds as Partial<MetaProtocolConfig>, handler })
  const change = async (...routes: readonly RouteConfig[]) => {
    const table = { name: 'own', routes }
    const prepared = await setup.proxy.proxy.prepare({
      change: { ...NO_CHANGE, routes: [{ key: rdsKey(RDS), table }] },
    })
    prepared.use()
  }
  const heard = async (id: number) => {
    log.length = 0
    await setup.client.request(mutableRequest(id, { who: 'me' }))
    await setup.proxy.until('request_active', 0)
    return log.join(' ')
  }
  return { setup, change, heard, [Symbol.asyncDispose]: () => setup[Symbol.asyncDispose]() }
}

test('routes that come later bring their own filters, change them and take them back', async () => {
  await using live = await setUpRds([])
  await live.change(testRoute('service'))
  assert.equal(await live.heard(1), 'a> <a a.')
  await live.change(routeFor('me', own('a', 'first')))
  assert.equal(await live.heard(2), 'first> <first first.')
  await live.change(routeFor('me', off('a')))
  assert.equal(await live.heard(3), '')
  await live.change(routeFor('me', off('a')), testRoute('service'))
  await live.change(routeFor('me'))
  assert.equal(await live.heard(4), 'a> <a a.')
})

test('a request that is under way keeps its filters when the routes change', async () => {
  const log: string[] = []
  const held = holding()
  await using live = await setUpRds(log, held.handler)
  await live.change(routeFor('me', own('a', 'old')))
  const reply = live.setup.client.request(mutableRequest(1, { who: 'me' }))
  await live.setup.server.arrived(1)
  await live.change(routeFor('me', own('a', 'new')))
  held.release()
  await reply
  await live.setup.proxy.until('request_active', 0)
  assert.equal(log.join(' '), 'old> <old old.')
  assert.equal(await live.heard(2), 'new> <new new.')
})

test('routes whose filter is of another type are refused, and those in force stay', async () => {
  await using live = await setUpRds([])
  await live.change(routeFor('me', own('a', 'first')))
  const wrong = { name: 'a', filter: { ...config('a', 'x'), typeUrl: 'type.googleapis.com/test.z' } }
  await assert.rejects(live.change(routeFor('me', wrong)), {
    name: 'ConfigRefused',
    message: /filter 'a\/me': expected a type.googleapis.com\/test.a, got a type.googleapis.com\/test.z/,
  })
  assert.equal(await live.heard(1), 'first> <first first.')
})

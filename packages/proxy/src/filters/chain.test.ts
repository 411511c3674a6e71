import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Filter, type FilterContext, FilterStatus } from '@meltemi/sdk'
import { FilterChain } from './chain.ts'
import type { EndedExchange, ProxyFilter } from './proxy-filter.ts'

const context = {} as FilterContext
const rethrow = (error: unknown) => assert.ifError(error)

function recording(
  calls: string[],
  name: string,
  results: Partial<Record<'request' | 'reply', FilterStatus>> = {},
): Filter {
  return {
    onRequest: () => {
      calls.push(`request ${name}`)
      return results.request ?? FilterStatus.Continue
    },
    onReply: () => {
      calls.push(`reply ${name}`)
      return results.reply ?? FilterStatus.Continue
    },
    onDone: () => void calls.push(`done ${name}`),
  }
}

test('handlers run in configured order both ways', () => {
  const calls: string[] = []
  const chain = new FilterChain(['a', 'b'].map((name) => recording(calls, name)))
  for (let at = 0; at < chain.length; at++) assert.equal(chain.request(at, context), FilterStatus.Continue)
  assert.equal(chain.reply(context), true)
  chain.done(2, context, rethrow)
  assert.deepEqual(calls, ['request a', 'request b', 'reply a', 'reply b', 'done a', 'done b'])
})

test('a filter that keeps a reply keeps it from the filters behind it too', () => {
  const calls: string[] = []
  const chain = new FilterChain([recording(calls, 'a', { reply: FilterStatus.Stop }), recording(calls, 'b')])
  assert.equal(chain.reply(context), false)
  assert.deepEqual(calls, ['reply a'])
})

test('only filters whose request handler ran hear of the end', () => {
  const calls: string[] = []
  const chain = new FilterChain(['a', 'b', 'c'].map((name) => recording(calls, name)))
  chain.done(2, context, rethrow)
  assert.deepEqual(calls, ['done a', 'done b'])
})

test('what one filter throws at the end does not keep the end from the others', () => {
  const calls: string[] = []
  const thrown: unknown[] = []
  const broken: Filter = {
    onDone: () => {
      throw new Error('broken')
    },
  }
  const chain = new FilterChain([recording(calls, 'a'), broken, recording(calls, 'c')])
  chain.done(3, context, (error) => thrown.push(error))
  assert.deepEqual([calls, thrown.length], [['done a', 'done c'], 1])
})

test('filters without a handler let everything pass', () => {
  const chain = new FilterChain([{}, {}])
  assert.deepEqual([chain.request(1, context), chain.reply(context), chain.length], [FilterStatus.Continue, true, 2])
})

test('the proxy’s own filters hear of every end, and what one of them throws does not keep it from the others', () => {
  const heard: string[] = []
  const thrown: unknown[] = []
  const filters: ProxyFilter[] = [
    { onEnd: () => void heard.push('a') },
    {
      onEnd: () => {
        throw new Error('broken')
      },
    },
    {},
    { onEnd: () => void heard.push('d') },
  ]
  const chain = new FilterChain(filters)
  chain.end({} as EndedExchange, (error) => thrown.push(error))
  assert.deepEqual([heard, thrown.length, chain.hasEnd], [['a', 'd'], 1, true])
  assert.equal(new FilterChain([{}]).hasEnd, false)
})

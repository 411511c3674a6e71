import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createLogger, systemClock } from '@meltemi/runtime'
import type { ApiObject } from './api-object.ts'
import { KindWatch } from './kind-watch.ts'
import { connectTo } from './testing/connect-to.ts'

const PATH = '/api/v1/pods'

type Answer = (response: ServerResponse) => void

/** An API server that answers one request after the other as it is told, and then not at all. */
async function startApiServer(answers: readonly Answer[]) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://a')
    const isWatch = searchParams.get('watch') === 'true'
    asked.push(isWatch ? `watch ${searchParams.get('resourceVersion')}` : `list ${pathname}`)
    answers[asked.length - 1]?.(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    asked,
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

function list(version: number, ...names: readonly string[]): Answer {
  const items = names.map((name) => ({ metadata: { name } }))
  return (response) => void response.end(JSON.stringify({ metadata: { resourceVersion: `${version}` }, items }))
}

function event(type: string, name: string, version: number): string {
  return `${JSON.stringify({ type, object: { metadata: { name, resourceVersion: `${version}` } } })}\n`
}

function status(code: number): Answer {
  return (response) => {
    response.statusCode = code
    response.end(JSON.stringify({ kind: 'Status', code, message: 'no' }))
  }
}

/** Runs a watch until so many requests have come; returns what was told. */
async function follow(paths: readonly string[], answers: readonly Answer[]) {
  await using server = await startApiServer(answers)
  const told: string[] = []
  const stopping = new AbortController()
  const say = (what: string) => (object: ApiObject) => void told.push(`${what} ${object.metadata.name}`)
  const watch = new KindWatch({
    cluster: await connectTo(server.url),
    paths,
    sink: {
      onList: (objects) => void told.push(`list ${objects.map(({ metadata }) => metadata.name).join(' ')}`),
      onChange: say('set'),
      onDelete: say('delete'),
    },
    logger: createLogger({ level: 'off' }),
    clock: systemClock,
    random: () => 0,
  })
  const running = watch.run(stopping.signal)
  while (server.asked.length <= answers.length) await new Promise((resolve) => setTimeout(resolve, 5))
  stopping.abort()
  await running
  return { asked: server.asked, told }
}

test('a watch that breaks goes on where it was, and lists again when that is forgotten', {
  timeout: 30_000,
}, async () => {
  const { asked, told } = await follow(
    [PATH],
    [
      list(5, 'a'),
      (response) => {
        response.write(event('ADDED', 'b', 6) + event('BOOKMARK', '', 8))
        // in the middle of a line
        setTimeout(() => {
          response.write('{"type":"ADD')
          setTimeout(() => response.destroy(), 10)
        }, 10)
      },
      (response) =>
        void response.end(`${event('DELETED', 'a', 9)}${JSON.stringify({ type: 'ERROR', object: { code: 410 } })}\n`),
      list(20, 'b', 'c'),
      status(410),
      list(30, 'c'),
      status(500),
      (response) => void response.end(event('MODIFIED', 'c', 31)),
    ],
  )
  assert.deepEqual(asked, [
    `list ${PATH}`,
    'watch 5',
    'watch 8',
    `list ${PATH}`,
    'watch 20',
    `list ${PATH}`,
    'watch 30',
    'watch 30',
    'watch 31',
  ])
  assert.deepEqual(told, ['list a', 'set b', 'delete a', 'list b c', 'list c', 'set c'])
})

test('a kind that is not installed has no objects until it is; another version will do', {
  timeout: 30_000,
}, async () => {
  const { asked, told } = await follow(
    ['/apis/a/v2/as', '/apis/a/v1/as'],
    [status(404), status(404), status(404), list(3, 'a')],
  )
  assert.deepEqual(asked, [
    'list /apis/a/v2/as',
    'list /apis/a/v1/as',
    'list /apis/a/v2/as',
    'list /apis/a/v1/as',
    'watch 3',
  ])
  assert.deepEqual(told, ['list ', 'list a'])
})

test('an API server that refuses is asked again, and tells nothing', { timeout: 30_000 }, async () => {
  const { told } = await follow([PATH], [status(403), status(500), (response) => response.destroy(), list(1)])
  assert.deepEqual(told, ['list '])
})

const BRIEF: readonly (readonly [what: string, answer: Answer])[] = [
  ['end at once', (response) => void response.end()],
  ['are answered by 410', status(410)],
  ['say at once that all is forgotten', (response) => void response.end('{"type":"ERROR","object":{"code":410}}\n')],
]
for (const [what, brief] of BRIEF) {
  test(`watches that ${what} are asked for less and less often`, { timeout: 30_000 }, async () => {
    const startedMs = performance.now()
    const isForgotten = what !== BRIEF[0]?.[0]
    const round = isForgotten ? [list(5), brief] : [brief]
    await follow([PATH], [...(isForgotten ? [] : [list(5)]), ...round, ...round, ...round])
    // at least half of 0.5, 1 and 2 s
    assert.ok(performance.now() - startedMs > 1_700)
  })
}

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { createLogger } from './logger.ts'
import { FakeClock } from './testing/fake-clock.ts'

function recordingLogger(level: 'info' | 'off' | 'trace' = 'info') {
  const text: string[] = []
  const clock = new FakeClock(0)
  const logger = createLogger({ level, clock, destination: { write: (line) => text.push(line) } })
  const lines = () => text.splice(0).map((line) => JSON.parse(line) as Record<string, unknown>)
  return { logger, clock, lines }
}

test('a line is JSON with level, time, component, fields and message', () => {
  const { logger, lines } = recordingLogger()
  logger.child('xds').warn('stream ended', { attempt: 3 })
  assert.deepEqual(lines(), [
    { level: 'warn', time: '1970-01-01T00:00:00.000Z', component: 'xds', attempt: 3, msg: 'stream ended' },
  ])
})

test('levels hold for all components, for later ones, or for one', () => {
  const { logger, lines } = recordingLogger()
  const first = logger.child('first')
  first.debug('no')
  assert.ok(logger.setLevel('debug'))
  first.debug('yes')
  logger.child('second').debug('yes')
  assert.ok(logger.setLevel('off', 'first'))
  first.critical('no')
  assert.ok(!first.isEnabled('off'))
  assert.ok(!logger.setLevel('debug', 'nobody'))
  assert.deepEqual(
    lines().map((line) => line['msg']),
    ['yes', 'yes'],
  )
  assert.deepEqual(
    [...logger.levels()],
    [
      ['main', 'debug'],
      ['first', 'off'],
      ['second', 'debug'],
    ],
  )
  assert.equal(logger.child('first'), first)
})

test('neither messages nor fields show a secret', () => {
  const { logger, lines } = recordingLogger()
  logger.error('cannot reach redis://me:hunter2@host', {
    tls: { private_key: 'hunter2' },
    cause: new Error('token=hunter2'),
  })
  const [line] = lines()
  assert.ok(!JSON.stringify(line).includes('hunter2'))
  assert.equal(line!['msg'], 'cannot reach redis://[redacted]@host')
})

test('a flood gives a few lines a second, and the next line says how many were held back', () => {
  const { logger, clock, lines } = recordingLogger()
  const flood = (count: number) => {
    for (let i = 0; i < count; i++) logger.limited('bad bytes', 2)?.warn(`line ${i}`)
  }
  flood(100)
  assert.deepEqual(
    lines().map((line) => [line['msg'], line['suppressed']]),
    [
      ['line 0', undefined],
      ['line 1', undefined],
    ],
  )
  clock.advance(1000)
  flood(1)
  logger.limited('other', 2)?.warn('other')
  assert.deepEqual(
    lines().map((line) => [line['msg'], line['suppressed']]),
    [
      ['line 0', 98],
      ['other', undefined],
    ],
  )
})

test('keys made up by hostile traffic share one limit', () => {
  const { logger, lines } = recordingLogger()
  for (let i = 0; i < 5000; i++) logger.limited(`key ${i}`, 1)?.warn('line')
  assert.equal(lines().length, 1025)
})

test('a message of any length gives a line of bounded length', () => {
  const { logger, lines } = recordingLogger()
  logger.info('x'.repeat(1_000_000))
  assert.equal(String(lines()[0]!['msg']).length, 8192)
})

test('lines go to standard error, the last one before the process ends too', () => {
  const script = `
    import { createLogger } from ${JSON.stringify(new URL('./logger.ts', import.meta.url).href)}
    const logger = createLogger()
    logger.info('last words')
    logger.flush()`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal(stdout, '')
  assert.match(stderr, /"msg":"last words"}\n/)
})

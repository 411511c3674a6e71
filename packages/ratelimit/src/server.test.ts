import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { RateLimitResponse_Code as Code, RATE_LIMIT_METHOD } from '@meltemi/api/rate-limit'
import { createLogger } from '@meltemi/runtime'
import { createGrpcClient, type GrpcClient, GrpcCode, GrpcError } from '@meltemi/runtime/grpc'
import { type RateLimitServer, startRateLimitServer } from './server.ts'

const LIMIT = 20
const LOCAL = { host: '127.0.0.1', port: 0 }
const SILENT = createLogger({ level: 'off' })

let folder: string
let server: RateLimitServer
let client: GrpcClient

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meltemi-rules-'))
  writeRules(LIMIT)
  server = await startRateLimitServer({ rulesPath: folder, grpc: LOCAL, admin: LOCAL, logger: SILENT })
  client = createGrpcClient({ address: `127.0.0.1:${server.grpcPort}` })
})

after(async () => {
  client.close()
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

function writeRules(requests: number): void {
  const limit = `rate_limit: {unit: day, requests_per_unit: ${requests}}`
  writeFileSync(join(folder, 'rules.yaml'), `domain: hello\ndescriptors:\n  - key: user\n    ${limit}\n`)
}

function ask(user: string) {
  const descriptors = [{ entries: [{ key: 'user', value: user }] }]
  return client.call(RATE_LIMIT_METHOD, { domain: 'hello', descriptors })
}

async function get(path: string): Promise<string> {
  const reply = await fetch(`http://127.0.0.1:${server.adminPort}${path}`, { headers: { connection: 'close' } })
  return `${reply.status} ${await reply.text()}`
}

test('exactly the limit is admitted of ten times as many calls at once', async () => {
  const replies = await Promise.all(Array.from({ length: 10 * LIMIT }, () => ask('ann')))
  assert.equal(replies.filter(({ overallCode }) => overallCode === Code.OK).length, LIMIT)
  const left = replies.map(({ statuses }) => statuses[0]?.limitRemaining ?? -1).sort((a, b) => b - a)
  assert.deepEqual(
    left.slice(0, LIMIT),
    Array.from({ length: LIMIT }, (_, index) => LIMIT - 1 - index),
  )
})

test('a call without a domain ends with an error', async () => {
  await assert.rejects(
    client.call(RATE_LIMIT_METHOD, {}),
    (error) => error instanceof GrpcError && error.code === GrpcCode.UNKNOWN,
  )
})

test('its pages tell what is in force and what was counted', async () => {
  assert.equal(await get('/ready'), '200 OK\n')
  assert.match(await get('/rlconfig'), /^200 hello\.user: unit=DAY requests_per_unit=20,/)
  assert.match(await get('/metrics'), /^ratelimit_service_rate_limit_over_limit\{domain="hello",key1="user"\} 180$/m)
})

test('new rules count for counters that are there already', async () => {
  writeRules(100_000)
  for (let tries = 0; (await ask('ann')).overallCode !== Code.OK; tries++) {
    assert.ok(tries < 500, 'the new rules are not seen')
    await setTimeout(20)
  }
})

test('an address that is taken is an error, and nothing stays open', async () => {
  const grpc = { host: '127.0.0.1', port: server.grpcPort }
  await assert.rejects(
    startRateLimitServer({ rulesPath: folder, grpc, admin: LOCAL, logger: SILENT }),
    (error) => (error as NodeJS.ErrnoException).code === 'EADDRINUSE',
  )
  const admin = { host: '127.0.0.1', port: server.adminPort }
  await assert.rejects(
    startRateLimitServer({ rulesPath: folder, grpc: LOCAL, admin, logger: SILENT }),
    (error) => (error as NodeJS.ErrnoException).code === 'EADDRINUSE',
  )
})

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type AdminCall, createLogger } from '@meltemi/runtime'
import { AdminAccessLog, formatCall } from './access-log.ts'

const folder = mkdtempSync(join(tmpdir(), 'meltemi-admin-log-'))
after(() => rmSync(folder, { recursive: true }))

function call(changes: Partial<AdminCall> = {}): AdminCall {
  return {
    startedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
    durationMs: 1.6,
    method: 'GET',
    path: '/stats?usedonly',
    httpVersion: '1.1',
    status: 200,
    bytesReceived: 0,
    bytesSent: 12,
    host: '127.0.0.1:15000',
    userAgent: 'curl/8',
    requestId: undefined,
    forwardedFor: undefined,
    ...changes,
  }
}

const dropped = {
  value: 0,
  add(n: number) {
    this.value += n
  },
}

function logWith(lines: string[] = []) {
  return createLogger({ destination: { write: (line) => lines.push(line) } })
}

test('a line is Envoy’s default format for HTTP', () => {
  assert.equal(
    formatCall(call()),
    '[2026-01-02T03:04:05.006Z] "GET /stats?usedonly HTTP/1.1" 200 - 0 12 2 - "-" "curl/8" "-" "127.0.0.1:15000" "-"\n',
  )
})

test('every call has a line in every file, and a file that was moved away begins anew', async () => {
  const files = [join(folder, 'a'), join(folder, 'b')]
  const log = new AdminAccessLog(files, logWith(), dropped)
  await log.open()
  for (let i = 0; i < 5; i++) log.add(call({ status: 200 + i }))
  await log.close()
  for (const file of files) assert.equal(readFileSync(file, 'utf8').split('\n').length, 6)
  renameSync(files[0] as string, join(folder, 'a.1'))
  log.add(call({ path: '/later' }))
  await log.close()
  assert.match(readFileSync(files[0] as string, 'utf8'), /^\S+ "GET \/later .*\n$/)
})

test('a file that cannot be written is an error at the start, and a warning later', async () => {
  const lines: string[] = []
  const log = new AdminAccessLog([join(folder, 'no', 'such', 'folder')], logWith(lines), dropped)
  await assert.rejects(log.open(), /ENOENT/)
  log.add(call())
  const before = dropped.value
  await log.close()
  assert.equal(dropped.value, before + 1)
  assert.match(lines.join(''), /the admin access log cannot be written/)
})

test('what the disk does not take in time is bounded', async () => {
  const lines: string[] = []
  const file = join(folder, 'flood')
  const log = new AdminAccessLog([file], logWith(lines), dropped)
  const before = dropped.value
  for (let i = 0; i < 5_000; i++) log.add(call())
  assert.equal(dropped.value, before + 4_000)
  await log.close()
  assert.equal(readFileSync(file, 'utf8').split('\n').length, 1_001)
  assert.match(lines.join(''), /lines of the admin access log are lost/)
})

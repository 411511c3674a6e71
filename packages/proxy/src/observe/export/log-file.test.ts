import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createLogger, MergedRegistry, systemClock } from '@meltemi/runtime'
import { checkLogFile } from './check-log-file.ts'
import { logFileStats } from './export-stats.ts'
import { LogFile } from './log-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'meltemi-log-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function setUp(path: string) {
  const metrics = new MergedRegistry()
  const lines: string[] = []
  const logger = createLogger({ destination: { write: (line: string) => void lines.push(line) } })
  const file = new LogFile({ sink: { kind: 'file', path }, clock: systemClock, logger, stats: logFileStats(metrics) })
  const write = (text: string, count = 1) =>
    new Promise<void>((resolve) => file.take(Buffer.from(text), count, resolve))
  const stat = (name: string) => {
    const [metric] = metrics.read((candidate) => candidate === `filesystem.${name}`)
    return metric?.kind === 'histogram' ? undefined : metric?.value
  }
  return { file, write, stat, lines }
}

test('what is taken is appended, in order', async () => {
  const path = join(folder, 'plain')
  const { file, write, stat } = setUp(path)
  await write('a\n')
  await Promise.all([write('b\n'), write('c\n'), write('d\n')])
  assert.equal(readFileSync(path, 'utf8'), 'a\nb\nc\nd\n')
  assert.equal(stat('write_buffered'), 4)
  assert.equal(stat('write_total_buffered'), 0)
  await file.close(1000)
  assert.equal(file.isIdle, true)
  const again = setUp(path)
  await again.write('e\n')
  await again.file.close(1000)
  assert.equal(readFileSync(path, 'utf8'), 'a\nb\nc\nd\ne\n')
})

test('a file that was renamed gets a new one when it is reopened', async () => {
  const path = join(folder, 'rotated')
  const { file, write } = setUp(path)
  await write('a\n')
  renameSync(path, `${path}.1`)
  await write('b\n')
  file.reopen()
  await write('c\n')
  await file.close(1000)
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'a\nb\n')
  assert.equal(readFileSync(path, 'utf8'), 'c\n')
})

test('what cannot be written is lost, counted and told, and what follows is tried again', async () => {
  const path = join(folder, 'later', 'log')
  const { file, write, stat, lines } = setUp(path)
  await write('a\nb\n', 2)
  assert.deepEqual([stat('write_dropped'), stat('write_failed'), stat('reopen_failed')], [2, 1, 1])
  assert.match(lines[0] ?? '', /ENOENT.*access log cannot be written/)
  mkdirSync(join(folder, 'later'))
  await write('c\n')
  await file.close(1000)
  assert.equal(readFileSync(path, 'utf8'), 'c\n')
})

test('a pipe that nobody empties holds up nobody: what does not fit is lost, the rest comes when it is read', async () => {
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  // takes nothing until it is told to
  const reader = spawn('sh', ['-c', `exec 3<"${path}"; read go; exec cat <&3`], { stdio: ['pipe', 'pipe', 'ignore'] })
  const closed = once(reader, 'close')
  const chunks: Buffer[] = []
  reader.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  const { file, stat } = setUp(path)
  const whole = `${'x'.repeat(1024 * 1024 - 1)}\n`
  // until the reader has opened it
  for (let isOpen = false; !isOpen; ) {
    try {
      checkLogFile(path, 'test')
      isOpen = true
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  let settled = 0
  const startedMs = performance.now()
  for (let n = 0; n < 6; n++) file.take(Buffer.from(whole), 1, () => settled++)
  assert.ok(performance.now() - startedMs < 500)
  assert.equal(stat('write_dropped'), 2)
  assert.equal(settled, 2)
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(settled, 2)
  reader.stdin.end('go\n')
  await file.close(5000)
  await closed
  assert.equal(settled, 6)
  assert.equal(Buffer.concat(chunks).toString(), whole.repeat(4))
})

test('a pipe that is not read does not keep the process from ending', async () => {
  const path = join(folder, 'stuck')
  execFileSync('mkfifo', [path])
  const reader = spawn('sh', ['-c', `exec 3<"${path}"; read go`], { stdio: ['pipe', 'ignore', 'ignore'] })
  const { file, stat } = setUp(path)
  for (let isOpen = false; !isOpen; ) {
    try {
      checkLogFile(path, 'test')
      isOpen = true
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  let settled = 0
  file.take(Buffer.alloc(1024 * 1024), 7, () => settled++)
  await file.close(100)
  assert.deepEqual([settled, stat('write_dropped'), stat('write_total_buffered')], [1, 7, 0])
  reader.stdin.end()
  await once(reader, 'close')
})

/** Run by a process without the right to open its standard output anew. It has loaded nothing that may have changed it. */
const WRITE_AS_NOBODY = `
import { logFileStats } from '${new URL('export-stats.ts', import.meta.url).href}'
import { LogFile } from '${new URL('log-file.ts', import.meta.url).href}'
const counter = () => ({ add() {} })
const stats = logFileStats({ counter, gauge: counter })
const logger = { limited: () => ({ error: (message, { reason }) => console.error(message, reason) }) }
const setTimer = (ms, callback) => {
  const timer = setTimeout(callback, ms)
  return { cancel: () => clearTimeout(timer) }
}
const file = new LogFile({ sink: { kind: 'stdout' }, clock: { setTimer }, logger, stats })
if (process.getuid() === 0) process.setuid(65534)
file.take(Buffer.from('a line\\n'.repeat(Number(process.argv[1]))), 1, () => {})
await file.close(500)
process.exit(0)
`

/** What `then` finds in a pipe that nobody reads meanwhile. */
async function writeAsNobody(lines: number, then: string): Promise<string> {
  const path = join(folder, `foreign-${lines}`)
  execFileSync('mkfifo', [path])
  const run = '"$2" --conditions=meltemi-source --input-type=module -e "$3" "$4" >&3'
  const script = `exec 3<>"$1"; chmod 0 "$1"; timeout 20 ${run}; echo "exit $?"; ${then}`
  const child = spawn('sh', ['-c', script, 'sh', path, process.execPath, WRITE_AS_NOBODY, String(lines)], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const out: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  await once(child, 'close')
  return Buffer.concat(out).toString()
}

test('a standard output that is a pipe of another user is written to as it is', async () => {
  assert.equal(await writeAsNobody(1, 'exec timeout 10 head -n 1 <&3'), 'exit 0\na line\n')
})

test('and does not keep the process from ending, when nobody reads it', async () => {
  assert.equal(await writeAsNobody(100_000, 'exit'), 'exit 0\n')
})

test('a place that cannot be written to is refused with why', () => {
  assert.throws(() => checkLogFile(join(folder, 'none', 'log'), 'l'), {
    message: `listener 'l' cannot write its access log ${join(folder, 'none', 'log')}: ENOENT`,
  })
  assert.throws(() => checkLogFile(folder, 'l'), /EISDIR$/)
  checkLogFile(join(folder, 'made'), 'l')
  assert.equal(readFileSync(join(folder, 'made'), 'utf8'), '')
})

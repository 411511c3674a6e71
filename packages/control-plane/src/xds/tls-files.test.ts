import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { GrpcServerTls } from '@meltemi/runtime/grpc'
import { FakeClock } from '@meltemi/runtime/testing'
import { memoryLogger } from '../testing/silent.ts'
import { readTlsFiles, TlsFilesWatch } from './tls-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'meltemi-tls-files-'))
after(() => rmSync(folder, { recursive: true }))
const files = {
  certificates: join(folder, 'tls.crt'),
  privateKey: join(folder, 'tls.key'),
  clientAuthorities: join(folder, 'ca.crt'),
}

function put(certificate: string): void {
  for (const [file, text] of Object.entries({ 'tls.crt': certificate, 'tls.key': 'key', 'ca.crt': 'ca' }))
    writeFileSync(join(folder, file), text)
}

test('files are read again, and what is new is told once; what is refused is told again', async () => {
  put('one')
  assert.equal(String(readTlsFiles(files).certificates), 'one')
  const clock = new FakeClock()
  const lines: string[] = []
  const told: string[] = []
  const onChange = ({ certificates, clientAuthorities }: GrpcServerTls) => {
    told.push(`${certificates} ${clientAuthorities}`)
    if (String(certificates) === 'bad') throw new Error('no key of this certificate')
  }
  const watch = new TlsFilesWatch(files, { clock, logger: memoryLogger(lines), onChange })
  const look = async () => {
    clock.advance(10_000)
    // the next time is set when the files have been read
    while (clock.pendingTimers === 0) await setImmediate()
  }
  watch.start()
  put('two')
  await look()
  await look()
  assert.deepEqual(told, ['two ca'])
  put('bad')
  await look()
  await look()
  assert.deepEqual(told, ['two ca', 'bad ca', 'bad ca'])
  assert.match(lines.join(), /no key of this certificate/)
  rmSync(files.privateKey)
  await look()
  put('three')
  await look()
  assert.deepEqual(told.slice(3), ['three ca'])
  watch.close()
  assert.equal(clock.pendingTimers, 0)
})

test('files that are not there are an error at the start', () => {
  assert.throws(() => readTlsFiles({ ...files, certificates: join(folder, 'none') }), /ENOENT/)
})

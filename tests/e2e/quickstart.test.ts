import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const START = fileURLToPath(new URL('../../examples/quickstart/start.ts', import.meta.url))
const PROTOCOLS = ['thrift', 'awesomerpc']

function startSample(args: readonly string[]) {
  const child = spawn(process.execPath, ['--conditions=meltemi-source', START, ...args])
  const output = { text: '' }
  child.stdout.on('data', (chunk) => {
    output.text += String(chunk)
  })
  child.stderr.on('data', (chunk) => {
    output.text += String(chunk)
  })
  return { child, output }
}

interface Row {
  readonly v1: number
  readonly v2: number
  readonly copies: number
  readonly requests: number
  readonly errors: number
}

/** The last row of a protocol in each step. */
function readSteps(text: string, protocol: string): Row[] {
  return text
    .split(/^\d\/4 {2}/m)
    .slice(1)
    .map((step) => {
      const rows = step.split('\n').filter((line) => line.startsWith(`${protocol} `))
      const [, v1, v2, copies, , , , requests, errors] = (rows.at(-1) ?? '').split(/ {2,}/)
      return {
        v1: Number.parseFloat(v1 ?? ''),
        v2: Number.parseFloat(v2 ?? ''),
        copies: Number(copies),
        requests: Number(requests),
        errors: Number(errors),
      }
    })
}

function folderOf(text: string): string {
  return /^resources: (\S+)/m.exec(text)?.[1] ?? ''
}

/** Processes that serve the sample's resources. */
function leftovers(folder: string): string[] {
  const listing = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
  return listing.split('\n').filter((line) => line.includes('main.ts up') && line.includes(folder))
}

test('npm start walks through a release of both protocols without an error and ends by itself', async () => {
  const { child, output } = startSample(['--for', '12'])
  const [code] = await once(child, 'exit')
  assert.equal(code, 0, output.text)
  for (const protocol of PROTOCOLS) {
    const [before, canary, mirror, after] = readSteps(output.text, protocol) as [Row, Row, Row, Row]
    assert.deepEqual([before.v1, before.copies], [100, 0], output.text)
    assert.ok(canary.v2 > 2 && canary.v2 < 22, output.text)
    assert.equal(mirror.v1, 100, output.text)
    assert.ok(mirror.copies > 50, output.text)
    assert.deepEqual([after.v2, after.errors], [100, 0], output.text)
    assert.ok(after.requests > 600, output.text)
  }
  assert.equal(existsSync(folderOf(output.text)), false)
  assert.deepEqual(leftovers(folderOf(output.text)), [])
})

test('Ctrl-C ends npm start and leaves nothing behind, also where its ports are taken', async () => {
  const taken = createServer().listen(9090, '127.0.0.1')
  await Promise.race([once(taken, 'listening'), once(taken, 'error')])
  const { child, output } = startSample([])
  while (!output.text.includes('requests')) await once(child.stdout, 'data')
  const folder = folderOf(output.text)
  assert.equal(leftovers(folder).length, 1)
  child.kill('SIGINT')
  const [code] = await once(child, 'exit')
  taken.close()
  assert.equal(code, 0, output.text)
  assert.deepEqual([leftovers(folder), existsSync(folder)], [[], false])
})

test('npm start is the sample', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  assert.match(manifest.scripts.start, /examples\/quickstart\/start\.ts/)
})

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const START = fileURLToPath(new URL('../../examples/quickstart/start.ts', import.meta.url))

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

/** Processes that serve the sample's configuration. */
function leftovers(folderMark: string): string[] {
  const listing = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
  return listing.split('\n').filter((line) => line.includes('main.ts proxy') && line.includes(folderMark))
}

test('npm start shows the split of both protocols without an error and ends by itself', async () => {
  const { child, output } = startSample(['--for', '3'])
  const [code] = await once(child, 'exit')
  assert.equal(code, 0, output.text)
  for (const protocol of ['thrift', 'awesomerpc']) {
    const rows = output.text.split('\n').filter((line) => line.startsWith(`${protocol} `))
    const cells = (rows.at(-1) ?? '').split(/ {2,}/)
    const share = Number.parseFloat(cells[1] ?? '')
    assert.ok(share > 65 && share < 92, `${protocol}: ${cells}`)
    assert.equal(cells.at(-1), '0', `${protocol}: ${cells}`)
    assert.ok(Number(cells.at(-2)) > 200, `${protocol}: ${cells}`)
  }
  assert.deepEqual(leftovers('meltemi-quickstart-'), [])
})

test('Ctrl-C ends npm start and leaves nothing behind', async () => {
  const { child, output } = startSample([])
  while (!output.text.includes('requests')) await once(child.stdout, 'data')
  assert.equal(leftovers('meltemi-quickstart-').length, 1)
  child.kill('SIGINT')
  const [code] = await once(child, 'exit')
  assert.equal(code, 0, output.text)
  assert.deepEqual(leftovers('meltemi-quickstart-'), [])
})

test('npm start is the sample', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  assert.match(manifest.scripts.start, /examples\/quickstart\/start\.ts/)
})

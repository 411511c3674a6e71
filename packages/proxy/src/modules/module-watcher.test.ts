import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ModuleWatcher } from './module-watcher.ts'

function startWith(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-watch-'))
  const changed: string[] = []
  const errors: string[] = []
  const watcher = new ModuleWatcher(
    (path) => changed.push(path),
    (where) => errors.push(where),
  )
  t.after(() => {
    watcher.close()
    rmSync(folder, { recursive: true })
  })
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  return { folder, changed, errors, watcher, write }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5)
}

test('several writes in a row are one change', async (t) => {
  const { changed, watcher, write } = startWith(t)
  const path = write('codec.ts', '1')
  watcher.watch(path, [])
  for (const text of ['2', '3', '4']) write('codec.ts', text)
  await until(() => changed.length > 0)
  await sleep(150)
  assert.deepEqual(changed, [path])
})

test('a file that another takes the place of, and one in the folder of a helper, are seen', async (t) => {
  const { folder, changed, watcher, write } = startWith(t)
  mkdirSync(join(folder, 'lib'))
  const path = write('codec.ts', '1')
  watcher.watch(path, [write('lib/helper.ts', '1')])
  renameSync(write('next.ts', '2'), path)
  await until(() => changed.length === 1)
  write('lib/helper.ts', '2')
  await until(() => changed.length === 2)
})

test('the swapped link of a ConfigMap is seen', async (t) => {
  const { folder, changed, watcher, write } = startWith(t)
  for (const version of ['v1', 'v2']) {
    mkdirSync(join(folder, version))
    write(`${version}/codec.ts`, version)
  }
  symlinkSync('v1', join(folder, '..data'))
  symlinkSync('..data/codec.ts', join(folder, 'codec.ts'))
  watcher.watch(join(folder, 'codec.ts'), [join(folder, 'v1/codec.ts')])
  symlinkSync('v2', join(folder, '..data_tmp'))
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  await until(() => changed.length > 0)
  assert.deepEqual(changed, [join(folder, 'codec.ts')])
})

test('a folder that is not there is reported, and nothing is heard after the end', async (t) => {
  const { folder, changed, errors, watcher, write } = startWith(t)
  const path = write('codec.ts', '1')
  watcher.watch(path, [join(folder, 'missing/helper.ts')])
  assert.deepEqual(errors, [join(folder, 'missing')])
  write('codec.ts', '2')
  watcher.close()
  await sleep(150)
  assert.deepEqual(changed, [])
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { keyOf, type Resource, type ResourceKey } from '@meltemi/api'
import { resources } from '../testing/resources.ts'
import { FileWriter } from './file-writer.ts'
import { writeAtomically } from './write-atomically.ts'

let folder = ''
/** Where the resources stand, as the source would say it. */
const files = new Map<ResourceKey, string>()

function writer(path = folder): FileWriter {
  return new FileWriter({ path, fileOf: (key) => files.get(key) })
}

function one(yaml: string): Resource {
  const [resource] = resources(yaml)
  assert.ok(resource)
  return resource
}

const ROUTER = one(`
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: hello, namespace: shop }
spec: { hosts: [a.b], routes: [{ route: [{ destination: { host: a.b } }] }] }
`)
const PROTOCOL = one(`
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: mine }
spec: { protocol: mine, codec: my.codec }
`)

/** Writes as the child of a shell that lets no file grow beyond some kilobytes, which is what a full disk does. */
const CHILD = `
import { writeAtomically } from '${new URL('./write-atomically.ts', import.meta.url).href}'
const [file] = process.argv.slice(-1)
try {
  await writeAtomically(file, 'x'.repeat(100_000), async () => {})
  console.log('written')
} catch (error) {
  console.log(error.code)
}
`

describe('a writer of files', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'meltemi-writer-'))
    files.clear()
  })

  afterEach(() => rm(folder, { recursive: true, force: true }))

  describe('a resource', () => {
    test('that is new gets a file that is called after it', async () => {
      assert.deepEqual(await writer().put(ROUTER), { kind: 'done', file: join(folder, 'metarouters.shop.hello.yaml') })
      assert.deepEqual(await writer().put(PROTOCOL), {
        kind: 'done',
        file: join(folder, 'applicationprotocols.mine.yaml'),
      })
      assert.deepEqual((await readdir(folder)).sort(), [
        'applicationprotocols.mine.yaml',
        'metarouters.shop.hello.yaml',
      ])
    })

    test('that stands in a file is changed there', async () => {
      const file = join(folder, 'all.yaml')
      await writer().put(ROUTER)
      await writeFile(file, `# keep\n${await readFile(join(folder, 'metarouters.shop.hello.yaml'), 'utf8')}`)
      files.set(keyOf(ROUTER), file)
      assert.ok(ROUTER.kind === 'MetaRouter')
      const changed: Resource = { ...ROUTER, spec: { ...ROUTER.spec, exportTo: ['.'] } }
      assert.deepEqual(await writer().put(changed), { kind: 'done', file })
      const text = await readFile(file, 'utf8')
      assert.ok(text.startsWith('# keep\n') && text.includes('exportTo'), text)
    })

    test('of a source that is one file goes into that file', async () => {
      const file = join(folder, 'only.yaml')
      await writeFile(file, '# mine\n')
      assert.deepEqual(await writer(file).put(ROUTER), { kind: 'done', file })
      assert.deepEqual(await readdir(folder), ['only.yaml'])
    })

    test('that is deleted takes its file along when nothing else is in it', async () => {
      await writer().put(ROUTER)
      const file = join(folder, 'metarouters.shop.hello.yaml')
      files.set(keyOf(ROUTER), file)
      assert.deepEqual(await writer().delete(ROUTER), { kind: 'done', file })
      assert.deepEqual(await readdir(folder), [])
    })
  })

  describe('a file', () => {
    test('keeps its mode, and a link to it stays a link', async () => {
      const real = join(folder, 'real.yaml')
      const link = join(folder, 'link.yaml')
      await writeFile(real, '# here\n')
      await chmod(real, 0o640)
      await symlink('real.yaml', link)
      files.set(keyOf(ROUTER), link)
      await writer().put(ROUTER)
      assert.equal((await stat(real)).mode & 0o777, 0o640)
      assert.ok((await readFile(real, 'utf8')).includes('MetaRouter'))
      assert.deepEqual((await readdir(folder)).sort(), ['link.yaml', 'real.yaml'])
    })

    test('with mistakes is not changed', async () => {
      const file = join(folder, 'bad.yaml')
      await writeFile(file, '{ broken: ')
      files.set(keyOf(ROUTER), file)
      const outcome = await writer().put(ROUTER)
      assert.equal(outcome.kind, 'invalid')
      assert.equal(await readFile(file, 'utf8'), '{ broken: ')
    })

    test('that cannot be had is a reason, and nothing is left behind', async () => {
      const outcome = await writer(join(folder, 'nowhere')).put(ROUTER)
      assert.equal(outcome.kind, 'unwritable')
      assert.match(outcome.kind === 'unwritable' ? outcome.reason : '', /nowhere.*no such file or directory/)
      assert.deepEqual(await readdir(folder), [])
    })
  })

  describe('writing', () => {
    test('that fails at the last moment leaves the old file, and no other', async () => {
      const file = join(folder, 'a.yaml')
      await writeFile(file, 'old')
      const failing = writeAtomically(file, 'new', () => Promise.reject(new Error('changed meanwhile')))
      await assert.rejects(failing, /changed meanwhile/)
      assert.equal(await readFile(file, 'utf8'), 'old')
      assert.deepEqual(await readdir(folder), ['a.yaml'])
    })

    test('of many at once never mixes them', async () => {
      const file = join(folder, 'a.yaml')
      const texts = Array.from({ length: 20 }, (_, index) => `${index}\n`.repeat(1_000))
      await Promise.all(texts.map((text) => writeAtomically(file, text, async () => {})))
      assert.ok(texts.includes(await readFile(file, 'utf8')))
      assert.deepEqual(await readdir(folder), ['a.yaml'])
    })
  })

  test('a disk that takes no more leaves the old file, and no other', async () => {
    const file = join(folder, 'a.yaml')
    await writeFile(file, 'old')
    const script = join(folder, '.child.mjs')
    await writeFile(script, CHILD)
    const shell = `trap '' XFSZ; ulimit -f 16; exec "$0" --conditions=meltemi-source "$1" "$2"`
    const { stdout, stderr } = spawnSync('sh', ['-c', shell, process.execPath, script, file], { encoding: 'utf8' })
    assert.equal(stdout, 'EFBIG\n', stderr)
    assert.equal(await readFile(file, 'utf8'), 'old')
    assert.deepEqual((await readdir(folder)).sort(), ['.child.mjs', 'a.yaml'])
  })
})

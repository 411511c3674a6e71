import assert from 'node:assert/strict'
import { appendFile, mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { PlacedResource, Problem, ResourceKey } from '@meltemi/api'
import { memoryLogger } from '../testing/silent.ts'
import { FilesSource, type FilesSourceOptions } from './files.ts'
import type { SourceSink } from './source.ts'

function service(name: string, port = 80): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { ports: [{ port: ${port} }] }
`
}

/** Takes in what a source tells, and can wait for it. */
class Recorder implements SourceSink {
  readonly there = new Map<ResourceKey, PlacedResource>()
  found: readonly Problem[] = []
  isSynced = false
  /** How often `change` was called. */
  changes = 0
  #waiting: (() => void)[] = []

  change(set: ReadonlyMap<ResourceKey, PlacedResource>, deleted: readonly ResourceKey[]): void {
    this.changes++
    for (const [key, placed] of set) this.there.set(key, placed)
    for (const key of deleted) this.there.delete(key)
    this.#wake()
  }

  synced(): void {
    this.isSynced = true
    this.#wake()
  }

  problems(problems: readonly Problem[]): void {
    this.found = problems
    this.#wake()
  }

  /** Fails when it takes longer than 5 s. */
  async until(condition: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + 5_000
    while (!condition()) {
      if (Date.now() > deadline) assert.fail(`${what}; there is ${this.names()}, ${JSON.stringify(this.found)}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 50)
        this.#waiting.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  names(): readonly string[] {
    return [...this.there.keys()].sort()
  }

  portOf(name: string): number | undefined {
    const resource = this.there.get(`Service/default/${name}`)?.resource
    return resource?.kind === 'Service' ? resource.spec.ports?.[0]?.port : undefined
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

let folder = ''
let sink = new Recorder()
let stopping = new AbortController()
let running: Promise<void> = Promise.resolve()

async function start(path = folder, options: Partial<FilesSourceOptions> = {}): Promise<FilesSource> {
  const source = new FilesSource({ path, logger: memoryLogger(), ...options })
  running = source.run(sink, stopping.signal)
  await sink.until(() => sink.isSynced, 'not synced')
  return source
}

function put(name: string, text: string): Promise<void> {
  return writeFile(join(folder, name), text)
}

describe('a source of files', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'meltemi-files-'))
    sink = new Recorder()
    stopping = new AbortController()
  })

  afterEach(async () => {
    stopping.abort()
    await running
    await rm(folder, { recursive: true, force: true })
  })

  describe('at the start', () => {
    test('all resource files of the folder are read, and told at once', async () => {
      await put('a.yaml', [service('a'), service('b')].join('---\n'))
      await put('b.json', JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'c' }, spec: {} }))
      await put('c.yml', service('d'))
      await put('.hidden.yaml', service('hidden'))
      await put('notes.txt', 'nothing')
      await put('e.yaml~', service('backup'))
      await mkdir(join(folder, 'sub'))
      await writeFile(join(folder, 'sub', 'x.yaml'), service('x'))
      await start()
      assert.deepEqual(
        sink.names(),
        ['a', 'b', 'c', 'd'].map((name) => `Service/default/${name}`),
      )
      assert.equal(sink.changes, 1)
      assert.deepEqual(sink.found, [])
    })

    test('nothing under the path is an error', async () => {
      const source = new FilesSource({ path: join(folder, 'nowhere'), logger: memoryLogger() })
      await assert.rejects(source.run(sink, stopping.signal), /nowhere: there is no such file or folder/)
    })

    test('what can be read of a file with mistakes is better than nothing', async () => {
      await put('a.yaml', `${service('a')}---\napiVersion: v1\nkind: Service\n`)
      await start()
      assert.deepEqual(sink.names(), ['Service/default/a'])
      assert.equal(sink.found[0]?.severity, 'error')
      assert.equal(sink.found[0]?.file, join(folder, 'a.yaml'))
    })
  })

  describe('while it runs', () => {
    test('new, changed and deleted files are found', async () => {
      await start()
      await put('a.yaml', service('a'))
      await sink.until(() => sink.there.size === 1, 'new file')
      await put('a.yaml', service('a', 81))
      await sink.until(() => sink.portOf('a') === 81, 'changed file')
      await unlink(join(folder, 'a.yaml'))
      await sink.until(() => sink.there.size === 0, 'deleted file')
    })

    test('a file that takes the name of another is found', async () => {
      await put('a.yaml', service('a'))
      await start()
      await put('.a.yaml.tmp', service('a', 81))
      await rename(join(folder, '.a.yaml.tmp'), join(folder, 'a.yaml'))
      await sink.until(() => sink.portOf('a') === 81, 'renamed file')
    })

    test('changes that no event tells are found by looking', async () => {
      const elsewhere = await mkdtemp(join(tmpdir(), 'meltemi-files-'))
      await writeFile(join(elsewhere, 'real.yaml'), service('a'))
      await symlink(join(elsewhere, 'real.yaml'), join(folder, 'a.yaml'))
      await start(folder, { pollMs: 50 })
      assert.equal(sink.portOf('a'), 80)
      await writeFile(join(elsewhere, 'real.yaml'), service('a', 81))
      await sink.until(() => sink.portOf('a') === 81, 'changed behind a link')
      await rm(elsewhere, { recursive: true })
    })

    test('the folder of a mounted ConfigMap changes all its files at once', async () => {
      for (const [version, port] of [['..v1', 80] as const, ['..v2', 81] as const]) {
        await mkdir(join(folder, version))
        await writeFile(join(folder, version, 'a.yaml'), service('a', port))
      }
      await symlink('..v1', join(folder, '..data'))
      await symlink('..data/a.yaml', join(folder, 'a.yaml'))
      await start()
      assert.equal(sink.portOf('a'), 80)
      await symlink('..v2', join(folder, '..data_tmp'))
      await rename(join(folder, '..data_tmp'), join(folder, '..data'))
      await sink.until(() => sink.portOf('a') === 81, 'swapped link')
    })

    test('a file alone is followed, too, and its neighbours do not matter', async () => {
      await put('a.yaml', service('a'))
      await put('b.yaml', service('b'))
      await start(join(folder, 'a.yaml'))
      assert.deepEqual(sink.names(), ['Service/default/a'])
      await put('a.yaml', service('a', 81))
      await sink.until(() => sink.portOf('a') === 81, 'changed file')
      await unlink(join(folder, 'a.yaml'))
      await new Promise((resolve) => setTimeout(resolve, 300))
      assert.equal(sink.portOf('a'), 81)
      await put('a.yaml', service('a', 82))
      await sink.until(() => sink.portOf('a') === 82, 'file that came back')
    })
  })

  describe('what cannot be read', () => {
    test('keeps the last good resources of that file, and only of that one', async () => {
      await put('a.yaml', service('a'))
      await put('b.yaml', service('b'))
      await start()
      await put('a.yaml', `${service('a', 81)}---\n{ broken: `)
      await put('b.yaml', service('b', 81))
      await sink.until(() => sink.found.length > 0 && sink.portOf('b') === 81, 'no problem')
      assert.equal(sink.portOf('a'), 80)
      const [problem] = sink.found
      assert.equal(problem?.file, join(folder, 'a.yaml'))
      assert.ok((problem?.line ?? 0) > 0)
      await put('a.yaml', service('a', 82))
      await sink.until(() => sink.portOf('a') === 82 && sink.found.length === 0, 'not mended')
    })

    test('because half of it is written changes nothing until it is whole', async () => {
      await put('a.yaml', [service('a'), service('b')].join('---\n'))
      await start()
      await put('a.yaml', service('a'))
      await new Promise((resolve) => setTimeout(resolve, 250))
      assert.deepEqual(sink.names(), ['Service/default/a', 'Service/default/b'])
      await appendFile(join(folder, 'a.yaml'), `---\n${service('b', 81)}`)
      await sink.until(() => sink.portOf('b') === 81, 'second half')
      assert.equal(sink.changes, 2)
    })

    test('because it is written anew, line by line, changes nothing until it is whole', async () => {
      await put('a.yaml', [service('a'), service('b')].join('---\n'))
      await start()
      const lines = [service('a', 81), service('b', 81)].join('---\n').split(/(?<=\n)/)
      await put('a.yaml', '')
      for (const line of lines) {
        await appendFile(join(folder, 'a.yaml'), line)
        await new Promise((resolve) => setTimeout(resolve, 30))
      }
      await sink.until(() => sink.portOf('b') === 81, 'whole file')
      assert.deepEqual([sink.portOf('a'), sink.changes], [81, 2])
    })

    test('because it is shorter for good counts in the end', async () => {
      await put('a.yaml', [service('a'), service('b')].join('---\n'))
      await start()
      await put('a.yaml', service('a'))
      await sink.until(() => sink.there.size === 1, 'shorter file')
    })

    test('because the folder is gone stays as it was, and is followed again when the folder is back', async () => {
      await put('a.yaml', service('a'))
      await put('b.yaml', service('b'))
      await start()
      await rm(folder, { recursive: true })
      await sink.until(() => sink.found.some(({ message }) => message.startsWith('the folder is gone')), 'not told')
      assert.equal(sink.there.size, 2)
      await mkdir(folder)
      await put('a.yaml', service('a', 81))
      await sink.until(() => sink.portOf('a') === 81 && sink.there.size === 1, 'not back')
      assert.deepEqual(sink.found, [])
      await put('a.yaml', service('a', 82))
      await sink.until(() => sink.portOf('a') === 82, 'not followed')
    })

    test('because it is no text, or a folder, or too large, is a problem of that file', async () => {
      await put('a.yaml', service('a'))
      await writeFile(join(folder, 'b.yaml'), Buffer.from([0xff, 0xfe, 0xff]))
      await put('c.yaml', `# ${'x'.repeat(2_000)}\n${service('c')}`)
      await mkdir(join(folder, 'target'))
      await symlink('target', join(folder, 'd.yaml'))
      await start(folder, { limits: { maxFileBytes: 1_000 } })
      assert.deepEqual(sink.names(), ['Service/default/a'])
      assert.deepEqual(
        sink.found.map(({ message }) => message),
        ['is not UTF-8 text', 'has more than 1000 bytes', 'is no file'],
      )
    })
  })

  describe('a resource that stands twice', () => {
    test('in two files is that of the first, and both are named; when the first drops it the second has it', async () => {
      await put('a.yaml', service('x', 1))
      await put('b.yaml', `# comment\n${service('x', 2)}`)
      await start()
      assert.equal(sink.portOf('x'), 1)
      const [problem] = sink.found
      assert.equal(problem?.file, join(folder, 'b.yaml'))
      assert.match(problem?.message ?? '', /Service default\/x stands in .*a\.yaml:1 already/)
      assert.equal(problem?.line, 4)
      await unlink(join(folder, 'a.yaml'))
      await sink.until(() => sink.portOf('x') === 2 && sink.found.length === 0, 'not taken over')
    })

    test('in one file is told of, too', async () => {
      await put('a.yaml', [service('x', 1), service('x', 2)].join('---\n'))
      await start()
      assert.equal(sink.portOf('x'), 1)
      assert.equal(sink.found[0]?.code, 'duplicate-resource')
    })

    test('because its file got another name is nothing to speak of', async () => {
      await put('a.yaml', service('x'))
      await start()
      const told: (readonly Problem[])[] = []
      const problems = sink.problems.bind(sink)
      sink.problems = (found) => {
        told.push(found)
        problems(found)
      }
      await rename(join(folder, 'a.yaml'), join(folder, 'b.yaml'))
      await sink.until(() => sink.there.get('Service/default/x')?.file.endsWith('b.yaml') === true, 'not moved')
      assert.deepEqual(told.flat(), [])
    })
  })

  describe('bounds', () => {
    test('of files, resources and bytes leave what is beyond them as it was', async () => {
      await put('a.yaml', service('a'))
      await start(folder, { limits: { maxFiles: 2, maxResources: 2 } })
      await put('b.yaml', [service('b'), service('c')].join('---\n'))
      await sink.until(() => sink.found.length === 1, 'no problem for resources')
      assert.match(sink.found[0]?.message ?? '', /more than 2 resources/)
      assert.deepEqual(sink.names(), ['Service/default/a'])
      await put('b.yaml', service('b'))
      await sink.until(() => sink.there.size === 2 && sink.found.length === 0, 'not mended')
    })

    test('of files in a folder', async () => {
      for (const name of ['a', 'b', 'c']) await put(`${name}.yaml`, service(name))
      await start(folder, { limits: { maxFiles: 2 } })
      assert.equal(sink.there.size, 0)
      assert.match(sink.found[0]?.message ?? '', /has more than 2 files/)
    })
  })

  test('a file can be looked at at once', async () => {
    const source = await start(folder, { pollMs: 60_000 })
    await put('a.yaml', service('a'))
    await source.refresh(join(folder, 'a.yaml'))
    assert.deepEqual(sink.names(), ['Service/default/a'])
    assert.equal(source.fileOf('Service/default/a'), join(folder, 'a.yaml'))
    await unlink(join(folder, 'a.yaml'))
    await source.refresh(join(folder, 'a.yaml'))
    assert.deepEqual(sink.names(), [])
  })

  test('a source that has ended tells nothing more', async () => {
    await start(folder, { pollMs: 20 })
    stopping.abort()
    await running
    await put('a.yaml', service('a'))
    await new Promise((resolve) => setTimeout(resolve, 150))
    assert.deepEqual(sink.names(), [])
  })
})

/**
 * Packs what would be published, once for each state of the sources: `.tmp/packed/DIGEST/*.tgz`. The build happens in
 * a copy, so that neither another build nor another packing at the same time can spoil it.
 */

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { ROOT, readWorkspace, type WorkspacePackage } from './workspace.ts'

const PACKED = join(ROOT, '.tmp/packed')
/** What another process packed so recently may still be read by it. */
const KEEP_MS = 60 * 60_000
const SHARED_SOURCES = [
  'LICENSE',
  'package-lock.json',
  'scripts/{build,pack-workspace,workspace}.ts',
  'tsconfig.base.json',
  'tsconfig.build.json',
]
const PACKAGE_SOURCES = ['README.md', 'package.json', 'src/**/*', 'template/**/*', 'tsconfig.build.json']
/** Those that projects depend on. */
const LIBRARIES = '@meltemi/'

export interface PackedPackage {
  readonly name: string
  /** Absolute path of its tarball. */
  readonly file: string
}

/** The tarball of each package whose name begins like this; builds and packs when the sources have changed. */
export function packWorkspace(prefix: string = LIBRARIES): readonly PackedPackage[] {
  const units = readWorkspace().filter(({ name }) => name.startsWith(prefix))
  const sources = findSources(units)
  const folder = join(PACKED, digestOf(sources))
  if (!existsSync(folder)) {
    removeOld()
    pack(units, sources, folder)
  }
  const tarballs = readdirSync(folder)
  return units.map(({ name }) => {
    const prefix = `${name.replace('@', '').replace('/', '-')}-`
    const tarball = tarballs.find((file) => file.startsWith(prefix))
    if (tarball === undefined) throw new Error(`${name} was not packed`)
    return { name, file: join(folder, tarball) }
  })
}

/** Relative to the root, in order. */
function findSources(units: readonly WorkspacePackage[]): readonly string[] {
  const globs = units.flatMap(({ directory }) => PACKAGE_SOURCES.map((glob) => join(relative(ROOT, directory), glob)))
  return [...SHARED_SOURCES, ...globs]
    .flatMap((glob) => globSync(glob, { cwd: ROOT }))
    .filter((file) => !file.endsWith('.test.ts') || file.includes('/template/'))
    .filter((file) => statSync(join(ROOT, file)).isFile())
    .sort()
}

function digestOf(sources: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of sources) hash.update(`${file}\0`).update(readFileSync(join(ROOT, file)))
  return hash.digest('hex').slice(0, 16)
}

function pack(units: readonly WorkspacePackage[], sources: readonly string[], folder: string): void {
  process.stderr.write('packing Meltemi as it would be published\n')
  mkdirSync(PACKED, { recursive: true })
  // inside the checkout, whose node_modules are so found
  const copy = mkdtempSync(join(PACKED, 'build-'))
  try {
    for (const file of sources) cpSync(join(ROOT, file), join(copy, file))
    linkPackages(units, copy)
    run(process.execPath, [join(copy, 'scripts/build.ts')], copy)
    mkdirSync(join(copy, 'packed'))
    const packages = units.map(({ directory }) => join(copy, relative(ROOT, directory)))
    run('npm', ['pack', '--silent', '--pack-destination', join(copy, 'packed'), ...packages], copy)
    // whoever was first has the same
    if (!existsSync(folder)) renameSync(join(copy, 'packed'), folder)
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/** Each package finds the others that it imports, as npm links them in the checkout. */
function linkPackages(units: readonly WorkspacePackage[], copy: string): void {
  for (const { name, directory } of units) {
    const link = join(copy, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(copy, relative(ROOT, directory)), link)
  }
}

/** Quiet, unless it fails. */
function run(command: string, args: readonly string[], cwd: string): void {
  const path = [dirname(process.execPath), join(ROOT, 'node_modules/.bin'), process.env['PATH']].join(':')
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, PATH: path },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed\n${stdout}${stderr}`)
}

function removeOld(): void {
  if (!existsSync(PACKED)) return
  for (const name of readdirSync(PACKED)) {
    const path = join(PACKED, name)
    if (Date.now() - statSync(path).mtimeMs > KEEP_MS) rmSync(path, { recursive: true, force: true })
  }
}

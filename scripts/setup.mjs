/**
 * Makes a checkout runnable: installs what package-lock.json says and generates code from the .proto files and the
 * resource definitions, each only when its inputs changed. Every npm script calls it first, so it takes some
 * milliseconds when there is nothing to do. Plain JavaScript without dependencies: it runs before node_modules exists, on
 * the machine's own Node.
 */

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const LOCK_DIR = join(ROOT, '.setup-lock')
const STAMP = join(ROOT, '.setup-stamp')
/** In this order: the first one makes its folder anew, in which the second one has a folder. */
const GENERATORS = [
  { script: 'scripts/gen-proto.mjs', sources: ['packages/api/src/proto'], target: 'packages/api/src/gen' },
  {
    script: 'scripts/gen-crds.mjs',
    sources: ['deploy/crds', 'packages/api/src/resource/schemas'],
    target: 'packages/api/src/gen/resources',
  },
].filter(({ script }) => existsSync(join(ROOT, script)))
const LOCK_STALE_MS = 10 * 60_000
const LOCK_POLL_MS = 100

if (!isInstalled() || !isGenerated()) {
  takeLock()
  try {
    // Whoever held the lock before us may have done the work.
    if (!isInstalled()) install()
    if (!isGenerated()) generate()
  } finally {
    rmSync(LOCK_DIR, { recursive: true, force: true })
  }
}

/** npm keeps the state of node_modules in a hidden lock file: compare it with the one that is wanted. */
function isInstalled() {
  const wanted = readLock('package-lock.json')
  const present = readLock('node_modules/.package-lock.json')
  if (wanted === undefined) return present !== undefined
  if (present === undefined) return false
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || entry.optional === true) return true
    const found = present[path]
    return found !== undefined && found.version === entry.version && found.resolved === entry.resolved
  })
}

function readLock(name) {
  try {
    return JSON.parse(readFileSync(join(ROOT, name), 'utf8')).packages
  } catch {
    return undefined // absent, or cut short by an interrupted install
  }
}

/**
 * The versions of the lock file, which stays as it is. Not `npm ci`: that refuses a lock file which lacks optional
 * packages of other platforms, and npm writes such lock files.
 */
function install() {
  process.stderr.write('setup: installing dependencies\n')
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'])
}

function isGenerated() {
  if (GENERATORS.length === 0) return true
  if (!GENERATORS.every(({ target }) => existsSync(join(ROOT, target))) || !existsSync(STAMP)) return false
  return readFileSync(STAMP, 'utf8') === generatorInputs()
}

/** A hash of all that decides what the generators write. */
function generatorInputs() {
  const hash = createHash('sha256')
  for (const { script, sources } of GENERATORS) {
    hash.update(readFileSync(join(ROOT, script)))
    for (const folder of sources) hashFolder(join(ROOT, folder), hash)
  }
  const lock = join(ROOT, 'package-lock.json')
  if (existsSync(lock)) hash.update(readFileSync(lock))
  return hash.digest('hex')
}

function hashFolder(folder, hash) {
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true }).map(String).sort() : []
  for (const name of names) {
    if (name.endsWith('.proto') || name.endsWith('.yaml')) hash.update(name).update(readFileSync(join(folder, name)))
  }
}

function generate() {
  process.stderr.write('setup: generating code from .proto files and resource definitions\n')
  const inputs = generatorInputs()
  const bundled = join(ROOT, 'node_modules/.bin/node')
  for (const { script } of GENERATORS) run(existsSync(bundled) ? bundled : process.execPath, [join(ROOT, script)])
  writeFileSync(STAMP, inputs)
}

function run(command, args) {
  const env = { ...process.env }
  delete env.npm_config_workspace // `npm run -w` would narrow the install to one package
  const { status, error } = spawnSync(command, args, {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  })
  if (status === 0) return
  throw new Error(
    `setup: ${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ` with status ${status}`}`,
  )
}

/** Two scripts may start at once; mkdir is atomic, so it is the lock. A holder that died is recognised by its pid. */
function takeLock() {
  for (;;) {
    try {
      mkdirSync(LOCK_DIR)
      writeFileSync(join(LOCK_DIR, 'pid'), String(process.pid))
      return
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (isLockStale()) rmSync(LOCK_DIR, { recursive: true, force: true })
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_POLL_MS)
  }
}

function isLockStale() {
  try {
    const ageMs = Date.now() - statSync(LOCK_DIR).mtimeMs
    const pidFile = join(LOCK_DIR, 'pid')
    if (ageMs > LOCK_STALE_MS) return true
    return existsSync(pidFile) ? !isAlive(Number(readFileSync(pidFile, 'utf8'))) : ageMs > 5_000
  } catch {
    return false // it has just been released: try again
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

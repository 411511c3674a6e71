/**
 * Checks what would be published: builds and packs every package, installs the tarballs in an empty directory outside
 * the checkout, imports every public entry and runs the command there, on the sources that a user would get: with the Node
 * that runs this script, and with the oldest one that the packages promise to run on.
 */

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { bringNode, oldestNodeVersion } from './oldest-node.ts'
import { ROOT, readWorkspace } from './workspace.ts'

const SAMPLE = 'docs/sample.yaml'
const RESOURCES = 'examples/quickstart/steps'
const SERVE_TIMEOUT_MS = 20_000
const REQUIRED_FILES = ['package/LICENSE', 'package/README.md', 'package/dist/index.js', 'package/dist/index.d.ts']

/** Somebody with an empty folder and a Node. */
interface User {
  readonly node: string
  readonly directory: string
}

const units = readWorkspace()
const folder = mkdtempSync(join(tmpdir(), 'meltemi-pack-'))
try {
  run(process.execPath, ['--conditions=meltemi-source', join(ROOT, 'scripts/build.ts')], ROOT)
  for (const unit of units) run('npm', ['pack', '--silent', '--pack-destination', folder], unit.directory)
  const tarballs = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  for (const tarball of tarballs) checkContents(tarball)
  for (const node of nodesToTry()) await tryOn(node, tarballs)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** `PACK_NODE=/path/to/node npm run check:pack` tries that one instead. */
function nodesToTry(): readonly string[] {
  const chosen = process.env['PACK_NODE']
  return chosen === undefined ? [process.execPath, bringNode(oldestNodeVersion(units))] : [chosen]
}

/** npm runs on that Node too, and refuses what says in its `engines` that it does not. */
async function tryOn(node: string, tarballs: readonly string[]): Promise<void> {
  const directory = mkdtempSync(join(folder, 'user-'))
  const user = { node, directory }
  install(user, tarballs)
  for (const entry of units.flatMap((unit) => unit.entries)) importEntry(user, entry)
  await tryCommand(user)
  const version = runAs(user, node, ['--version']).trim()
  process.stdout.write(`check-pack: ${tarballs.length} packages install and run on Node ${version}\n`)
}

function checkContents(tarball: string): void {
  const packed = run('tar', ['-tzf', tarball], folder).trim().split('\n')
  // a project to be copied, with tests and all; tryCreate looks at what comes of it
  const files = packed.filter((file) => !file.startsWith('package/template/'))
  const missing = REQUIRED_FILES.filter((file) => !files.includes(file))
  const surplus = files.filter((file) => !/^package\/(?:dist\/|package\.json$|README\.md$|LICENSE$)/.test(file))
  const tests = files.filter((file) => file.includes('.test.'))
  const wrong = [...missing.map((file) => `lacks ${file}`), ...[...surplus, ...tests].map((file) => `contains ${file}`)]
  if (wrong.length > 0) throw new Error(`${tarball} ${wrong.join(', ')}`)
}

function install(user: User, tarballs: readonly string[]): void {
  writeFileSync(join(user.directory, 'package.json'), '{ "private": true }\n')
  const files = tarballs.map((tarball) => `../${tarball}`)
  const options = ['--prefer-offline', '--engine-strict', '--no-audit', '--no-fund', '--loglevel=error']
  runAs(user, 'npm', ['install', ...options, ...files])
}

function importEntry(user: User, entry: string): void {
  const script = `const names = Object.keys(await import('${entry}')); console.log(names.length)`
  runAs(user, user.node, ['--input-type=module', '--eval', script])
}

/** `--help`, a validation, and a proxy that serves from worker threads until it is told to drain. */
async function tryCommand(user: User): Promise<void> {
  const command = join(user.directory, 'node_modules/.bin/meltemi')
  expect(runAs(user, command, ['--help']), 'proxy')
  expect(runAs(user, command, ['proxy', '--help']), '--concurrency')
  copyFileSync(join(ROOT, SAMPLE), join(user.directory, 'sample.yaml'))
  expect(runAs(user, command, ['proxy', '-c', 'sample.yaml', '--mode', 'validate']), 'sample.yaml: valid')
  await tryServing(user, command)
  await tryUp(user, command)
  tryCreate(user)
  // the bundler needs its own binary, and the sdk as it is published
  expect(runAs(user, command, ['codec', 'pack', 'my-protocol/src/codec.ts', '--out', 'packed']), 'wrote packed/')
}

/** Every file of the template has come along, under the name that it has in a project. */
function tryCreate(user: User): void {
  runAs(user, join(user.directory, 'node_modules/.bin/create-meltemi-codec'), ['my-protocol'])
  const created = filesBelow(join(user.directory, 'my-protocol'))
  const template = join(ROOT, 'packages/create-meltemi-codec/template')
  const wanted = ['common', 'length'].flatMap((part) => filesBelow(join(template, part)))
  const expected = wanted.map((file) => file.replace('_gitignore', '.gitignore')).sort()
  if (created.join() !== expected.join()) throw new Error(`expected ${expected} in the project, got ${created}`)
}

function filesBelow(directory: string): readonly string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort()
}

async function tryServing(user: User, command: string): Promise<void> {
  const anyPorts = readFileSync(join(ROOT, SAMPLE), 'utf8').replaceAll(/port_value: (?:9000|15000)/g, 'port_value: 0')
  writeFileSync(join(user.directory, 'serve.yaml'), anyPorts)
  await serve(user, command, ['proxy', '-c', 'serve.yaml', '--drain-time-s', '1'], /"listening"/, () => {})
}

/** Control plane and proxy, and the page with what it loads. */
async function tryUp(user: User, command: string): Promise<void> {
  cpSync(join(ROOT, RESOURCES), join(user.directory, 'resources'), { recursive: true })
  const ports = ['--xds-address', '--api-address', '--admin-address'].flatMap((option) => [option, '127.0.0.1:0'])
  const args = ['up', 'resources', ...ports, '--drain-time-s', '1', '--token-file', join(user.directory, 'token')]
  await serve(user, command, args, /ready: page and API (http:\S+\/)/, async ([, url = '']) => {
    const page = await (await fetch(url)).text()
    for (const [, path = ''] of page.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const { ok, status } = await fetch(new URL(path, url))
      if (!ok) throw new Error(`${path} of the page answers with ${status}`)
    }
  })
}

/** Starts it, looks at it when it says that it is there, and drains it. */
async function serve(
  user: User,
  command: string,
  args: readonly string[],
  ready: RegExp,
  look: (said: RegExpExecArray) => void | Promise<void>,
): Promise<void> {
  const child = spawn(command, args, { cwd: user.directory, env: envWith(user.node) })
  const exited = once(child, 'exit')
  let said = ''
  const isReady = new Promise<RegExpExecArray | undefined>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text
        const found = ready.exec(said)
        if (found !== null) resolve(found)
      })
    }
    void exited.then(() => resolve(undefined))
  })
  const giveUp = setTimeout(() => child.kill('SIGKILL'), SERVE_TIMEOUT_MS)
  const found = await isReady
  try {
    if (found !== undefined) await look(found)
  } finally {
    child.kill('SIGTERM')
  }
  const [code] = await exited
  clearTimeout(giveUp)
  if (code !== 0) throw new Error(`meltemi ${args[0]} ended with ${code}: ${said}`)
}

function expect(output: string, text: string): void {
  if (!output.includes(text)) throw new Error(`expected '${text}' in: ${output}`)
}

function run(command: string, args: readonly string[], cwd: string, node = process.execPath): string {
  const env = envWith(node)
  return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}

function runAs(user: User, command: string, args: readonly string[]): string {
  return run(command, args, user.directory, user.node)
}

/** Nothing of what this process was started with: neither the source condition nor npm's variables. */
function envWith(node: string): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^npm_(?!config_registry)|^NODE_OPTIONS$/i.test(name),
  )
  return { ...Object.fromEntries(inherited), PATH: `${dirname(node)}:${process.env['PATH']}` }
}

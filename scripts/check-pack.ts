/**
 * Checks what would be published: builds and packs every package, installs the tarballs in an empty directory outside
 * the checkout, imports every public entry and runs the command there, on the sources that a user would get.
 */

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ROOT, readWorkspace } from './workspace.ts'

const SAMPLE = 'docs/sample.yaml'
/** `PACK_NODE=/path/to/node npm run check:pack` tries another version. */
const NODE = process.env['PACK_NODE'] ?? process.execPath
const SERVE_TIMEOUT_MS = 20_000
const REQUIRED_FILES = ['package/LICENSE', 'package/README.md', 'package/dist/index.js', 'package/dist/index.d.ts']

const units = readWorkspace()
const folder = mkdtempSync(join(tmpdir(), 'meltemi-pack-'))
try {
  run(process.execPath, ['--conditions=meltemi-source', join(ROOT, 'scripts/build.ts')], ROOT)
  for (const unit of units) run('npm', ['pack', '--silent', '--pack-destination', folder], unit.directory)
  const tarballs = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  for (const tarball of tarballs) checkContents(tarball)
  install(tarballs)
  for (const entry of units.flatMap((unit) => unit.entries)) importEntry(entry)
  await tryCommand()
  process.stdout.write(
    `check-pack: ${tarballs.length} packages install and run on Node ${run(NODE, ['--version'], folder).trim()}\n`,
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function checkContents(tarball: string): void {
  const files = run('tar', ['-tzf', tarball], folder).trim().split('\n')
  const missing = REQUIRED_FILES.filter((file) => !files.includes(file))
  const surplus = files.filter((file) => !/^package\/(?:dist\/|package\.json$|README\.md$|LICENSE$)/.test(file))
  const tests = files.filter((file) => file.includes('.test.'))
  const wrong = [...missing.map((file) => `lacks ${file}`), ...[...surplus, ...tests].map((file) => `contains ${file}`)]
  if (wrong.length > 0) throw new Error(`${tarball} ${wrong.join(', ')}`)
}

function install(tarballs: readonly string[]): void {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const files = tarballs.map((tarball) => `./${tarball}`)
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', ...files], folder)
}

function importEntry(entry: string): void {
  const script = `const names = Object.keys(await import('${entry}')); console.log(names.length)`
  run(NODE, ['--input-type=module', '--eval', script], folder)
}

/** `--help`, a validation, and a proxy that serves from worker threads until it is told to drain. */
async function tryCommand(): Promise<void> {
  const command = join(folder, 'node_modules/.bin/meltemi')
  expect(run(command, ['--help'], folder), 'proxy')
  expect(run(command, ['proxy', '--help'], folder), '--concurrency')
  copyFileSync(join(ROOT, SAMPLE), join(folder, 'sample.yaml'))
  expect(run(command, ['proxy', '-c', 'sample.yaml', '--mode', 'validate'], folder), 'sample.yaml: valid')
  await tryServing(command)
}

async function tryServing(command: string): Promise<void> {
  const anyPorts = readFileSync(join(ROOT, SAMPLE), 'utf8').replaceAll(/port_value: (?:9000|15000)/g, 'port_value: 0')
  writeFileSync(join(folder, 'serve.yaml'), anyPorts)
  const child = spawn(command, ['proxy', '-c', 'serve.yaml', '--drain-time-s', '1'], { cwd: folder, env: cleanEnv() })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (text.includes('"listening"')) child.kill('SIGTERM') // a second signal would end it at once
    })
  }
  const giveUp = setTimeout(() => child.kill('SIGKILL'), SERVE_TIMEOUT_MS)
  const [code] = await once(child, 'exit')
  clearTimeout(giveUp)
  if (code !== 0) throw new Error(`meltemi proxy ended with ${code}: ${said}`)
}

function expect(output: string, text: string): void {
  if (!output.includes(text)) throw new Error(`expected '${text}' in: ${output}`)
}

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, env: cleanEnv(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}

/** Nothing of what this process was started with: neither the source condition nor npm's variables. */
function cleanEnv(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^npm_(?!config_registry)|^NODE_OPTIONS$/i.test(name),
  )
  return { ...Object.fromEntries(inherited), PATH: `${dirname(NODE)}:${process.env['PATH']}` }
}

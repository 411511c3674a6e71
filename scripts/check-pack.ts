/**
 * Checks what would be published: builds and packs every package, installs the tarballs in an empty directory outside
 * the checkout, imports every public entry and runs the command there, on the sources that a user would get.
 */

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT, readWorkspace } from './workspace.ts'

const SAMPLE = 'docs/sample.yaml'
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
  tryCommand()
  process.stdout.write(`check-pack: ${tarballs.length} packages install and run on Node ${process.versions.node}\n`)
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
  run(process.execPath, ['--input-type=module', '--eval', script], folder)
}

function tryCommand(): void {
  const command = join(folder, 'node_modules/.bin/meltemi')
  expect(run(command, ['--help'], folder), 'proxy')
  expect(run(command, ['proxy', '--help'], folder), '--concurrency')
  copyFileSync(join(ROOT, SAMPLE), join(folder, 'sample.yaml'))
  expect(run(command, ['proxy', '-c', 'sample.yaml', '--mode', 'validate'], folder), 'sample.yaml: valid')
}

function expect(output: string, text: string): void {
  if (!output.includes(text)) throw new Error(`expected '${text}' in: ${output}`)
}

/** Runs a command without what this process was started with: neither the source condition nor npm's variables. */
function run(command: string, args: readonly string[], cwd: string): string {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^npm_(?!config_registry)|^NODE_OPTIONS$/i.test(name),
  )
  const env = { ...Object.fromEntries(inherited), PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env['PATH']}` }
  return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}

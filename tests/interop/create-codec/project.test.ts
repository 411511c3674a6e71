/** Projects out of a checkout, installed and used as their README says, where the checkout cannot be reached. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { globSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { FRAMINGS } from 'create-meltemi-codec'
import { NewUser } from '../../../scripts/new-user.ts'
import { ROOT } from '../../../scripts/workspace.ts'

// lines of `npm start`: from both versions, and, with the line of the README changed, from the second alone
const SPLIT = /^ +[1-9]\d? % +[1-9]\d? % +0 {2}hello world from v[12]$/m
const ALL_TO_V2 = /^ +0 % +100 % +0 {2}hello world from v2$/m
/** Commands that the README names and that run until Ctrl-C, with what they say when they work. */
const LASTING = new Map([
  ['npm start', SPLIT],
  ['npm run proxy', /"listening"/],
])
/** Others are executed as they stand there, these for a shorter time. */
const SHORTENED = new Map([
  ['npm start -- --for 5', 'npm start -- --for 2'],
  ['npm run fuzz', 'npm run fuzz -- --for 2s'],
])
const CHECKOUT = ROOT.replace(/\/$/, '')

for (const framing of Object.keys(FRAMINGS)) {
  describe(`a project of framing ${framing} out of a checkout`, () => {
    const user = new NewUser()
    after(() => user.leave())
    // other runs on this machine leave folders of other names
    const name = `my-${process.pid}-${framing}`
    const project = join(user.home, 'moved')

    test(`is created and installed from tarballs, and nothing in it names the checkout: ${framing}`, async () => {
      const args = ['--', name, '--framing', framing]
      await user.run(user.home, 'npm', '--prefix', ROOT, 'run', 'create-codec', ...args)
      renameSync(join(user.home, name), project)
      assert.equal(readdirSync(join(project, 'vendor')).length, 8)
      await user.run(project, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund')
      const files = ['*', '.*', 'src/**/*', 'node_modules/.*', 'node_modules/@meltemi/**/*']
        .flatMap((glob) => globSync(glob, { cwd: project, withFileTypes: true }))
        .filter((file) => file.isFile())
      assert.ok(files.length > 100)
      const naming = files.filter((file) => readFileSync(join(file.parentPath, file.name)).includes(CHECKOUT))
      assert.deepEqual(
        naming.map(({ name }) => name),
        [],
      )
    })

    test(`shows a changed line live, and nothing is left of it after Ctrl-C: ${framing}`, async () => {
      const terminal = user.open(project, 'npm', 'start')
      await terminal.prints(SPLIT)
      const original = changeLine(project)
      await terminal.prints(ALL_TO_V2)
      const [list = '', rollback = ''] = commandsOf(project).filter((command) => command.startsWith('npx '))
      assert.match(await user.run(project, ...words(list)), /codec\.ts {2}version 2 [\s\S]*before: version 1 /)
      assert.match(await user.run(project, ...words(rollback)), /version 1/)
      await terminal.prints(SPLIT)
      writeFileSync(join(project, 'src/codec.ts'), 'export const codecs = nonsense')
      await terminal.prints(/nonsense is not defined/)
      await terminal.prints(SPLIT)
      writeFileSync(join(project, 'src/codec.ts'), original)
      assert.equal(await terminal.interrupt(), 0, terminal.output)
      assert.deepEqual(leftovers(project, `${name}-`), [])
    })

    test(`does all that its README says: ${framing}`, async () => {
      const commands = commandsOf(project).filter((command) => command.startsWith('npm '))
      assert.ok(commands.length >= 9, commands.join())
      for (const command of commands) {
        const prints = LASTING.get(command)
        if (prints === undefined) {
          await user.run(project, ...words(SHORTENED.get(command) ?? command))
          continue
        }
        const terminal = user.open(project, ...words(command))
        await terminal.prints(prints)
        // npm passes Ctrl-C on to what has got it already, and a second one ends a proxy that drains: 128 + SIGINT
        assert.ok([0, 130].includes(await terminal.interrupt()), terminal.output)
      }
      assert.deepEqual(leftovers(project, `${name}-`), [])
    })
  })
}

/** Does to the codec what the README says; returns what it was. */
function changeLine(project: string): string {
  const [, line = ''] = /^```ts\n(.*)\n```$/m.exec(readFileSync(join(project, 'README.md'), 'utf8')) ?? []
  const file = join(project, 'src/codec.ts')
  const original = readFileSync(file, 'utf8')
  const changed = original.replace(/^ *metadata\.set\('cmd', .*$/m, line)
  assert.notEqual(changed, original)
  writeFileSync(file, changed)
  return original
}

/** Every command of the README that npm brings, once. */
function commandsOf(project: string): readonly string[] {
  const readme = readFileSync(join(project, 'README.md'), 'utf8')
  const inBlocks = [...readme.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) => block.split('\n'))
  const inLines = [...readme.matchAll(/`(npm [^`]+)`/g)].map((match) => match[1] as string)
  return [...new Set([...inBlocks.filter((line) => /^np[mx] /.test(line)), ...inLines])]
}

function words(command: string): [string, ...string[]] {
  const [first = '', ...others] = command.split(' ')
  return [first, ...others]
}

function leftovers(project: string, folder: string): readonly string[] {
  const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n')
  return [
    ...processes.filter((line) => line.includes(project)),
    ...readdirSync(tmpdir()).filter((name) => name.startsWith(folder)),
  ]
}

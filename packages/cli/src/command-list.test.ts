import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from 'commander'
import { COMMAND_GROUPS } from './command-list.ts'
import { runMeltemi } from './run-meltemi.ts'

const silent = { write: () => {}, writeError: () => {} }

async function help(...args: readonly string[]): Promise<string> {
  let text = ''
  const code = await runMeltemi([...args, '--help'], { ...silent, write: (part) => (text += part) })
  assert.equal(code, 0)
  return text
}

/** Commands that do something, with the words that call them. */
function leaves(command: Command, words: readonly string[]): readonly (readonly [Command, readonly string[]])[] {
  const own = [...words, command.name()]
  return command.commands.length === 0 ? [[command, own]] : command.commands.flatMap((child) => leaves(child, own))
}

test('every command is called as the list names it, and stands in the help with its group', async () => {
  const text = await help()
  for (const { heading, commands } of COMMAND_GROUPS) {
    assert.ok(text.includes(`\n${heading}\n`), heading)
    for (const { name, load } of commands) {
      assert.equal((await load())(silent, { exitCode: 0 }).name(), name)
      assert.match(text, new RegExp(`^  ${name} `, 'm'))
    }
  }
})

test('the help of every command has each option with what it is for, examples and exit codes', async () => {
  for (const { load } of COMMAND_GROUPS.flatMap(({ commands }) => commands)) {
    for (const [command, words] of leaves((await load())(silent, { exitCode: 0 }), [])) {
      const text = (await help(...words)).replaceAll(/\s+/g, ' ')
      for (const option of command.options) {
        assert.ok(text.includes(option.long as string), `${words.join(' ')} ${option.flags}`)
        assert.ok(option.description.length > 10, `${words.join(' ')} ${option.flags}`)
      }
      assert.match(text, /Examples?: .*Exit code: /, words.join(' '))
      assert.ok(text.includes(`$ meltemi ${words.join(' ')}`), words.join(' '))
    }
  }
})

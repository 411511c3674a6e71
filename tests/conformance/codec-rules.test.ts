import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { RULE_GROUPS, RULES } from '@meltemi/sdk/testing'
import { RULES_PAGE, writeRulesPage } from '../../scripts/codec-rules.ts'

test('docs/codec-rules.md has every rule with its title, what it is about and what it rests on', () => {
  const page = readFileSync(RULES_PAGE, 'utf8')
  assert.equal(page, writeRulesPage(page), 'run scripts/codec-rules.ts')
})

test('ids are the letter of a group and a number, counted from 1 in each group', () => {
  const expected = Object.keys(RULE_GROUPS).flatMap((letter) => {
    const group = RULES.filter(({ id }) => id.startsWith(letter))
    return group.map((_, n) => `${letter}${n + 1}`)
  })
  assert.deepEqual(
    RULES.map(({ id }) => id),
    expected,
  )
})

/** Writes the rules of the judge into docs/codec-rules.md: `node --conditions=meltemi-source scripts/codec-rules.ts`. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RULE_GROUPS, RULES, type Rule } from '@meltemi/sdk/testing'
import { ROOT } from './workspace.ts'

export const RULES_PAGE: string = join(ROOT, 'docs/codec-rules.md')
/** All above is written by hand. */
const MARK = '<!-- from here on written by scripts/codec-rules.ts -->\n'

/** The page as it should be: its own head, and the rules as they are in the code. */
export function writeRulesPage(page: string): string {
  const head = page.slice(0, page.indexOf(MARK))
  const groups = Object.entries(RULE_GROUPS).map(([letter, name]) => groupSection(letter, name))
  return `${head}${MARK}\n${groups.join('\n')}`
}

function groupSection(letter: string, name: string): string {
  const rules = RULES.filter(({ id }) => id.startsWith(letter))
  return `## ${letter}: ${name}\n\n${rules.map(ruleSection).join('\n')}`
}

function ruleSection({ id, title, about, needs }: Rule): string {
  const rest = needs.length === 0 ? '' : ` Rests on ${needs.join(', ')}.`
  return `### ${id} ${title}\n\n${about}${rest}\n`
}

if (import.meta.main) writeFileSync(RULES_PAGE, writeRulesPage(readFileSync(RULES_PAGE, 'utf8')))

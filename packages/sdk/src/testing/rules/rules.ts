import type { Rule } from '../judge/rule.ts'
import { arrivalRules } from './arrival-rules.ts'
import { decodingRules } from './decoding-rules.ts'
import { definitionRules } from './definition-rules.ts'
import { encodingRules } from './encoding-rules.ts'
import { hookRules } from './hook-rules.ts'
import { hostileRules } from './hostile-rules.ts'
import { mutationRules } from './mutation-rules.ts'
import { replyRules } from './reply-rules.ts'
import { stateRules } from './state-rules.ts'
import { typeRules } from './type-rules.ts'

/** What the letter of an id stands for, in the order of the rules. */
export const RULE_GROUPS: Readonly<Record<string, string>> = {
  F: 'facts of the definition',
  D: 'decode',
  E: 'encode and patchIds',
  M: 'mutations',
  R: 'error replies',
  T: 'types of messages',
  H: 'hooks',
  S: 'state',
}

/** All rules. An id is never given to another rule; new ones come at the end of their group. */
export const RULES: readonly Rule[] = [
  ...definitionRules,
  ...decodingRules,
  ...arrivalRules,
  ...hostileRules,
  ...encodingRules,
  ...mutationRules,
  ...replyRules,
  ...typeRules,
  ...hookRules,
  ...stateRules,
]

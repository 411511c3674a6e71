/** What each call must come to, whoever makes and serves it. */

import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import type { Outcome, Peer } from './peers.ts'

const TEXT = 'καλημέρα 😀'
/** Dubbo 2.7 does not show its consumer the attachments of an answer to a synchronous call, be there a proxy or not. */
export const UNSEEN = { answered: null, answerAdded: null } as const
/** Of Java, which knows every type. */
const EXPECTED: Readonly<Record<string, object>> = {
  text: { result: TEXT },
  blue: { result: `blue ${TEXT}` },
  big: { same: true },
  number: { result: '9007199254740993' },
  item: { same: true },
  mixed: { result: '3 2 2 [1.5, a] € 0.5' },
  nothing: { result: null },
  fail: { exception: 'NotFound', message: 'not found: nobody', name: 'nobody', code: 404 },
  crash: { exception: 'IllegalStateException', message: 'why not' },
  later: { result: TEXT },
  note: { result: null },
  echo: { result: TEXT },
  crowd: { right: 200 },
  generic: { result: TEXT },
  'generic item': { result: 'four' },
  'generic fail': { exception: 'GenericException' },
  attached: {
    sent: { absent: 'null', added: 'null', color: 'blue 😀' },
    longIsWhole: true,
    answered: 'dark 😀',
    answerAdded: null,
  },
}

export const JAVA_CALLS: readonly string[] = Object.keys(EXPECTED)

/** `more` stands in for what a proxy has changed. */
export function assertOutcome(outcome: Outcome, server: Peer, more: object = {}): void {
  const { ms: _ms, ...facts } = outcome
  const expected = { call: outcome.call, ...EXPECTED[outcome.call], ...more }
  if (outcome.call !== 'generic fail') {
    assert.deepEqual(facts, expected, `served by ${server}`)
    return
  }
  assert.equal(outcome['exception'], 'GenericException')
  assert.match(String(outcome['message']), /not found: nobody/)
}

export function assertLocalError(outcome: Outcome, code: number, message: RegExp): void {
  assert.deepEqual([outcome['exception'], outcome['code']], ['RpcException', code], JSON.stringify(outcome))
  assert.match(String(outcome['message']), message)
}

export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let n = 0; n < 200; n++) {
    if (await holds()) return
    await setTimeout(100)
  }
  throw new Error('it did not come to that within 20 s')
}

/** What each call must come to, whoever serves it. */

import assert from 'node:assert/strict'
import type { Language, Outcome } from './peers.ts'

const EXPECTED: Readonly<Record<string, object>> = {
  text: { result: 'καλημέρα' },
  big: { same: true },
  number: { result: '9007199254740993' },
  item: { same: true },
  lists: { result: { odd: [1, 3, 5], none: [] } },
  fail: { exception: 'NotFound', name: 'nobody', code: 404 },
  note: { result: 1 },
  pause: {},
}
/** The npm server says 0, unknown, where it means 1, unknown method. */
const UNKNOWN_METHOD: Readonly<Record<Language, number>> = { npm: 0, python: 1, go: 1 }

export function assertOutcomes(outcomes: readonly Outcome[], server: Language): void {
  for (const { ms: _ms, ...outcome } of outcomes) {
    const expected =
      outcome.call === 'added'
        ? { exception: 'TApplicationException', type: UNKNOWN_METHOD[server], message: 'Unknown function added' }
        : EXPECTED[outcome.call]
    assert.deepEqual(outcome, { call: outcome.call, ...expected })
  }
}

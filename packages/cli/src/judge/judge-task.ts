/** What the command tells the thread that judges, and what that answers. */

import type { Outcome } from '@meltemi/sdk/testing'

export interface JudgeTask {
  /** A module, or the name of a built-in codec. */
  readonly file: string
  /** Which of its codecs. */
  readonly codec: string | undefined
  /** Path of the samples. */
  readonly samples: string
  /** Ids of the rules to try; all for undefined. */
  readonly rules: readonly string[] | undefined
  readonly ruleLimitMs: number
}

export type JudgeAnswer =
  /** All is loaded. */
  | { readonly kind: 'ready'; readonly codec: string }
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'done' }
  /** It cannot begin; the lines are for the user. */
  | { readonly kind: 'refused'; readonly lines: readonly string[] }

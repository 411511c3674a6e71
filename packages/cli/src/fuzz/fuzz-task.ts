/** What the command tells the process that fuzzes, and what that answers. */

import type { Finding, FuzzInput, FuzzProgress, FuzzReport } from '@meltemi/sdk/testing'

/** What to fuzz, and how. */
export interface FuzzPlan {
  /** A module, or the name of a built-in codec. */
  readonly file: string
  /** Which of its codecs. */
  readonly codec: string | undefined
  /** Path of the samples. */
  readonly samples: string
  /** Folder of earlier findings; undefined: they are not wanted. */
  readonly findings: string | undefined
  readonly options: {
    readonly forMs: number
    readonly seed: number
    readonly side: 'downstream' | 'upstream' | undefined
    readonly maxFindings: number
  }
}

/** A plan for one process. */
export interface FuzzTask extends FuzzPlan {
  /** File in which the process notes what it tries. */
  readonly journal: string
  /** Nothing is tried but what is smaller than this input. */
  readonly smallerThan: FuzzInput | undefined
}

export type FuzzAnswer =
  /** The name of the codec. */
  | { readonly kind: 'loaded'; readonly codec: string }
  | { readonly kind: 'progress'; readonly progress: FuzzProgress }
  | { readonly kind: 'finding'; readonly finding: Finding }
  | { readonly kind: 'done'; readonly report: FuzzReport }
  /** It cannot begin; the lines are for the user. */
  | { readonly kind: 'refused'; readonly lines: readonly string[] }

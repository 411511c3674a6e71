import type { MatchConfig } from '@meltemi/api/model'
import type { Metadata } from '@meltemi/sdk'
import { CompiledMatcher } from '../routing/match.ts'

/** Which requests a filter is for; an empty match is for all of them. */
export class RequestMatch {
  readonly #matchers: readonly CompiledMatcher[]

  constructor({ metadata }: MatchConfig) {
    this.#matchers = metadata.map((matcher) => new CompiledMatcher(matcher))
  }

  matches(request: Metadata): boolean {
    for (let at = 0; at < this.#matchers.length; at++) {
      if (!(this.#matchers[at] as CompiledMatcher).matches(request)) return false
    }
    return true
  }
}

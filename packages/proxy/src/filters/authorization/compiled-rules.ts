import type { RbacRules } from '@meltemi/api/model'
import type { Metadata } from '@meltemi/sdk'
import type { RecordedConnection } from '../../observe/record.ts'
import { RuleProgram } from './rule-program.ts'

/** The rules of one filter: which policy fits, and what that means. */
export class CompiledRules {
  readonly action: RbacRules['action']
  readonly names: readonly string[]
  readonly #program: RuleProgram

  /** Throws for a pattern that RE2 does not accept. */
  constructor({ action, policies }: RbacRules) {
    this.action = action
    this.names = policies.map(({ name }) => name)
    this.#program = new RuleProgram(policies)
  }

  /** Index of the first policy that fits; -1: none does. */
  firstMatch(request: Metadata, connection: RecordedConnection): number {
    return this.#program.firstMatch(request, connection)
  }

  /** Whether a request passes that this policy fits. */
  allows(policy: number): boolean {
    if (this.action === 'log') return true
    return policy >= 0 === (this.action === 'allow')
  }
}

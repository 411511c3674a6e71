/** A checkout at first; a project that was created out of it and installed from then on, for a user who has nothing. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { NewUser, type Terminal } from '../../scripts/new-user.ts'
import { ROOT } from '../../scripts/workspace.ts'
import type { Workplace } from './run-page.ts'

const CREATE = 'npm run create-codec '
const PLACE_ON_PAGE = '../my-protocol'

export class NewProject implements Workplace {
  readonly #user = new NewUser()
  readonly #project = join(this.#user.home, 'my-protocol')
  #isEntered = false

  get directory(): string {
    assert.ok(this.#isEntered, 'nothing but a creation may happen in the checkout')
    return this.#project
  }

  async run(command: string): Promise<{ output: string; exitCode: number }> {
    if (command === `cd ${PLACE_ON_PAGE}`) {
      this.#isEntered = true
      return { output: '', exitCode: 0 }
    }
    const terminal = this.open(command)
    const exitCode = await terminal.end()
    return { output: terminal.output, exitCode }
  }

  open(command: string): Terminal {
    const isCreation = command.startsWith(CREATE)
    const typed = isCreation ? command.replace(PLACE_ON_PAGE, this.#project) : command
    return this.#user.open(isCreation ? ROOT : this.directory, 'sh', '-c', typed)
  }

  leave(): Promise<void> {
    return this.#user.leave()
  }
}

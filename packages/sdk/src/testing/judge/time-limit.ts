import { type Context, createContext, Script } from 'node:vm'

const CALL = new Script('action()')

/** Runs functions, but none of them longer than it may, not even one that loops for ever. */
export class TimeLimit {
  readonly #sandbox: { action: () => unknown } = { action: () => undefined }
  readonly #context: Context = createContext(this.#sandbox)

  /** Whether `action` came to its end within so many milliseconds. Throws what it throws. */
  run(limitMs: number, action: () => void): boolean {
    this.#sandbox.action = action
    try {
      CALL.runInContext(this.#context, { timeout: Math.ceil(limitMs) })
      return true
    } catch (error: unknown) {
      if ((error as { code?: unknown } | undefined)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return false
      throw error
    }
  }
}

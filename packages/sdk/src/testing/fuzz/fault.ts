/** How the fuzzer says that a codec has broken the contract. */

/** What can be broken; the name is part of a finding's identity. */
export type FaultRule =
  | 'exception'
  | 'hang'
  | 'crash'
  | 'reads'
  | 'memory'
  | 'waiting'
  | 'facts'
  | 'immutable'
  | 'splits'
  | 'limit'
  | 'state'
  | 'detect'
  | 'encode'
  | 'ids'
  | 'timeout'
  | 'mutation'
  | 'error reply'
  | 'heartbeat'
  | 'reset'

/** Thrown within the fuzzer by whichever check finds it. */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly rule: FaultRule
  /** More about this input; two faults may differ in it and still be the same defect. */
  readonly detail: string

  constructor(rule: FaultRule, message: string, detail = '') {
    super(message)
    this.rule = rule
    this.detail = detail
  }

  /** Equal for inputs that show the same defect: the numbers and quoted texts of the input are left out. */
  get key(): string {
    return `${this.rule}: ${shapeOf(this.message)}`
  }
}

/** The text without what differs from input to input. */
export function shapeOf(text: string): string {
  return text
    .slice(0, 300)
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '"…"')
    .replaceAll(/\b(?:(?=[0-9a-f]*\d)[0-9a-f]+n?|[0-9a-f]{3,})\b/gi, '#')
    .replaceAll(/-#/g, '#')
}

/** Runs a piece of the codec: what it throws is a fault of rule `exception`, at the place where it was thrown. */
export function calling<T>(what: string, action: () => T): T {
  try {
    return action()
  } catch (error: unknown) {
    throw error instanceof Fault ? error : exceptionFault(what, error)
  }
}

export function exceptionFault(what: string, error: unknown): Fault {
  if (!(error instanceof Error)) return new Fault('exception', `${what} threw ${String(error)}, which is no Error`)
  const frames = ownFrames(error)
  const [, place] = /([^/]+:\d+):\d+\)?$/.exec(frames[0] ?? '') ?? []
  const at = place === undefined ? '' : ` at ${place.replace(/\?[^:]*/, '')}`
  return new Fault('exception', `${what} threw ${error.name}: ${error.message}${at}`, frames.join('\n'))
}

const OWN_FOLDER = new URL('../../', import.meta.url).href

/** Where the error arose, without what is Node's or the sdk's. */
function ownFrames(error: Error): string[] {
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => {
      const isFrame = /^\s+at .*file:/.test(line)
      return isFrame && (!line.includes(OWN_FOLDER) || /\.test\.[jt]s/.test(line))
    })
    .map((line) => line.trim())
}

import { readFileSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector'

/** The sdk itself is not what is tried; its own tests have codecs in them. */
const OWN_FOLDER = new URL('../../', import.meta.url).href
const TEST_FILE = /\.test\.[jt]s$/
const MAX_SOURCE_BYTES = 4 * 1024 * 1024

interface Script {
  /** Per character of the source whether it has run. */
  readonly ran: Uint8Array
  readonly source: string
}

/**
 * Which code of the modules that a codec consists of has run, told by V8's precise block coverage. It slows all code of
 * the thread down by about a fifth, and stays on: V8 counts blocks only in functions that it has compiled meanwhile,
 * and would count nothing of them in a second run. A reading costs about a millisecond: it is taken for many inputs at
 * once.
 */
export class Coverage {
  /** One for a thread. */
  static #ofThread: Session | undefined
  readonly #session: Session
  readonly #scripts = new Map<string, Script | undefined>()

  constructor() {
    this.#session = Coverage.#ofThread ??= connectedSession()
    this.#post('Profiler.enable')
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
    this.skip() // what ran before
  }

  /** Whether code has run since the last call that had never run before. `remembers`: from now on it has. */
  hasNews(remembers: boolean): boolean {
    const { result } = this.#post('Profiler.takePreciseCoverage')
    let hasNews = false
    for (const { url, functions } of result) {
      const script = this.#script(url)
      if (script === undefined) continue
      for (const one of functions) hasNews = paint(script.ran, one, remembers) || hasNews
    }
    return hasNews
  }

  /** Forgets what has run since the last call. */
  skip(): void {
    this.#post('Profiler.takePreciseCoverage')
  }

  /** From now on modules whose code has run since the last call do not count. */
  ignore(): void {
    const { result } = this.#post('Profiler.takePreciseCoverage')
    for (const { url, functions } of result) {
      if (functions.some(({ ranges }) => (ranges[0]?.count ?? 0) > 0)) this.#scripts.set(url, undefined)
    }
  }

  /** Lines that have run. */
  get lines(): number {
    let lines = 0
    for (const script of this.#scripts.values()) if (script !== undefined) lines += linesThatRan(script)
    return lines
  }

  /** Source texts of the modules that have run. */
  get sources(): readonly string[] {
    return [...this.#scripts.values()].flatMap((script) => (script === undefined ? [] : [script.source]))
  }

  #script(url: string): Script | undefined {
    if (!this.#scripts.has(url)) this.#scripts.set(url, isForeign(url) ? readScript(url) : undefined)
    return this.#scripts.get(url)
  }

  /** A session with its own thread answers before `post` returns. */
  #post(method: 'Profiler.enable'): undefined
  #post(method: 'Profiler.startPreciseCoverage', params: Profiler.StartPreciseCoverageParameterType): undefined
  #post(method: 'Profiler.takePreciseCoverage'): Profiler.TakePreciseCoverageReturnType
  #post(method: string, params?: object): unknown {
    let answer: { error: Error | null; result?: unknown } | undefined
    this.#session.post(method, params, (error: Error | null, result?: unknown) => {
      answer = { error, result }
    })
    if (answer === undefined) throw new Error(`${method} did not answer`)
    if (answer.error !== null) throw new Error(`${method} failed`, { cause: answer.error })
    return answer.result
  }
}

function connectedSession(): Session {
  const session = new Session()
  session.connect()
  return session
}

/** Outer ranges come before those within them, which say otherwise of a part. */
function paint(ran: Uint8Array, { ranges }: Profiler.FunctionCoverage, remembers: boolean): boolean {
  const [whole] = ranges
  if (whole === undefined || whole.count === 0) return false
  const fresh = new Uint8Array(Math.max(whole.endOffset - whole.startOffset, 0))
  for (const { startOffset, endOffset, count } of ranges) {
    fresh.fill(count > 0 ? 1 : 0, startOffset - whole.startOffset, endOffset - whole.startOffset)
  }
  let hasNews = false
  for (let n = 0; n < fresh.length; n++) {
    if (fresh[n] === 0 || ran[whole.startOffset + n] === 1) continue
    hasNews = true
    if (!remembers) return true
    ran[whole.startOffset + n] = 1
  }
  return hasNews
}

function isForeign(url: string): boolean {
  return url.startsWith('file:') && (!url.startsWith(OWN_FOLDER) || TEST_FILE.test(url))
}

function readScript(url: string): Script | undefined {
  try {
    const source = readFileSync(new URL(url.replace(/[?#].*$/, '')), 'utf8')
    return source.length > MAX_SOURCE_BYTES ? undefined : { source, ran: new Uint8Array(source.length + 1) }
  } catch {
    return undefined // a module that is no file has no lines to count
  }
}

function linesThatRan({ source, ran }: Script): number {
  let lines = 0
  let start = 0
  for (const line of source.split('\n')) {
    for (let n = 0; n < line.length; n++) {
      if (ran[start + n] !== 1 || line[n] === ' ') continue
      lines++
      break
    }
    start += line.length + 1
  }
  return lines
}

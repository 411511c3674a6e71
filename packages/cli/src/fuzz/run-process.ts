import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Finding, FuzzInput, FuzzProgress, FuzzReport } from '@meltemi/sdk/testing'
import type { FuzzAnswer, FuzzPlan, FuzzTask } from './fuzz-task.ts'
import { readJournal } from './input-journal.ts'

const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './fuzz-process.ts' : './fuzz-process.js', import.meta.url)
/** Enough for the fuzzer, and soon used up by a codec that takes memory without end. */
const MAX_HEAP_MIB = 512
/** Enough for single inputs. */
const SMALL_HEAP_MIB = 128
/** The last of what it writes tells why it ended. */
const MAX_ERROR_CHARACTERS = 4096

export interface ProcessOptions {
  onLoaded?(codec: string): void
  onFinding?(finding: Finding): void
  onProgress?(progress: FuzzProgress): void
  /** Nothing is tried but what is smaller than this input, until one of these ends the process. */
  readonly smallerThan?: FuzzInput
  /** The process is ended after so long. */
  readonly limitMs?: number
}

export type ProcessEnd =
  | { readonly kind: 'done'; readonly report: FuzzReport }
  | { readonly kind: 'refused'; readonly lines: readonly string[] }
  /** It ended before it was done; `input` is what was tried at the moment. */
  | { readonly kind: 'crashed'; readonly what: string; readonly input: FuzzInput | undefined }

/** Fuzzes in a new process, or looks there for a smaller input that ends it. */
export async function runProcess(plan: FuzzPlan, options: ProcessOptions = {}): Promise<ProcessEnd> {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-fuzz-'))
  const journal = join(folder, 'journal')
  const child = start(options.smallerThan === undefined ? MAX_HEAP_MIB : SMALL_HEAP_MIB)
  try {
    child.send({ ...plan, journal, smallerThan: options.smallerThan } satisfies FuzzTask)
    const end = await endOf(child, options)
    return typeof end === 'string' ? { kind: 'crashed', what: end, input: readJournal(journal) } : end
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  }
}

function start(heapMib: number): ChildProcess {
  // whoever tests this command is no business of the codec's
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  return fork(fileURLToPath(ENTRY), {
    execArgv: [...process.execArgv, `--max-old-space-size=${heapMib}`],
    env,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
}

/** Its last answer, or why there is none. */
function endOf(
  child: ChildProcess,
  options: ProcessOptions,
): Promise<Exclude<ProcessEnd, { kind: 'crashed' }> | string> {
  const { limitMs } = options
  const end = Promise.withResolvers<Exclude<ProcessEnd, { kind: 'crashed' }> | string>()
  const timer = limitMs === undefined ? undefined : setTimeout(() => end.resolve('it does not end'), limitMs)
  let errors = ''
  child.stderr?.setEncoding('latin1').on('data', (text: string) => {
    errors = (errors + text).slice(-MAX_ERROR_CHARACTERS)
  })
  child.on('message', (answer: FuzzAnswer) => {
    try {
      const last = passOn(answer, options)
      if (last !== undefined) end.resolve(last)
    } catch (error: unknown) {
      end.reject(error) // a finding that cannot be saved, say
    }
  })
  child.on('error', (error) => end.resolve(error.message))
  child.on('close', (code, signal) => end.resolve(reasonOf(code, signal, errors)))
  return end.promise.finally(() => clearTimeout(timer))
}

/** Tells who listens; returns the last answer. */
function passOn(answer: FuzzAnswer, options: ProcessOptions): Exclude<ProcessEnd, { kind: 'crashed' }> | undefined {
  switch (answer.kind) {
    case 'progress':
      options.onProgress?.(answer.progress)
      return undefined
    case 'finding':
      options.onFinding?.(answer.finding)
      return undefined
    case 'loaded':
      options.onLoaded?.(answer.codec)
      return undefined
    default:
      return answer
  }
}

function reasonOf(code: number | null, signal: NodeJS.Signals | null, errors: string): string {
  if (errors.includes('heap out of memory')) return 'all memory is used up'
  return signal === null ? `the process ended with exit code ${code}` : `the process ended by ${signal}`
}

import { close, fstat, open, writev } from 'node:fs'
import { promisify } from 'node:util'
import type { LogSink } from '@meltemi/api/model'
import type { Clock, Logger } from '@meltemi/runtime'
import type { LogFileStats } from './export-stats.ts'
import { LOG_FILE_FLAGS, LOG_FILE_MODE } from './log-file-flags.ts'
import type { Sink, WaitingBatch } from './sink.ts'
import { WaitingBatches } from './waiting-batches.ts'

/** What waits for a file or pipe that is slow; more is thrown away. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024
const MAX_WRITE_BYTES = 1024 * 1024
/** How long to wait for whoever empties a full pipe; longer each time that it is still full. */
const FIRST_RETRY_MS = 1
const LAST_RETRY_MS = 50
/** It is another user's, a device without a name, or /dev/fd is not there. */
const UNOPENABLE: readonly string[] = ['EACCES', 'EPERM', 'ENXIO', 'ENOENT']
const STREAM_FDS = { stdout: 1, stderr: 2 } as const

const openFile = promisify(open)
const closeFile = promisify(close)
const statFile = promisify(fstat)

export interface LogFileParts {
  readonly sink: LogSink
  readonly clock: Clock
  readonly logger: Logger
  readonly stats: LogFileStats
}

/**
 * One file, or stream of the process, that logs are appended to. One write is under way at a time; it never waits inside
 * the kernel for a pipe that is full, and what does not fit meanwhile is lost and counted.
 */
export class LogFile implements Sink {
  readonly #parts: LogFileParts
  readonly #waiting = new WaitingBatches(MAX_WAITING_BYTES)
  #fd: number | undefined
  #isOwnFd = true
  #isRunning = false
  #isToReopen = false
  #isClosing = false
  /** Nobody waits any more. */
  #isGivenUp = false
  #idle: Promise<void> = Promise.resolve()

  constructor(parts: LogFileParts) {
    this.#parts = parts
  }

  get isIdle(): boolean {
    return !this.#isRunning && this.#waiting.isEmpty
  }

  take(bytes: Uint8Array, count: number, done: () => void): void {
    const { stats } = this.#parts
    if (this.#isClosing || !this.#waiting.add({ bytes, count, done })) {
      stats.dropped.add(count)
      done()
      return
    }
    stats.buffered.add(1)
    stats.totalBuffered.add(bytes.length)
    this.#run()
  }

  /** Whoever has renamed the file gets a new one under its name. */
  reopen(): void {
    this.#isToReopen = true
    this.#run()
  }

  async close(timeoutMs: number): Promise<void> {
    this.#isClosing = true
    const late = Promise.withResolvers<void>()
    const timer = this.#parts.clock.setTimer(timeoutMs, () => {
      this.#isGivenUp = true
      late.resolve()
    })
    await Promise.race([this.#idle, late.promise])
    timer.cancel()
    if (this.#isGivenUp) this.#lose(this.#waiting.first(Number.POSITIVE_INFINITY), 'it takes nothing')
    else await this.#closeFd()
  }

  #run(): void {
    if (!this.#isRunning) this.#idle = this.#writeAll()
  }

  async #writeAll(): Promise<void> {
    this.#isRunning = true
    while (!this.#waiting.isEmpty || this.#isToReopen) {
      if (this.#isToReopen) {
        this.#isToReopen = false
        await this.#closeFd()
      }
      if (!this.#waiting.isEmpty) await this.#writeSome(this.#waiting.first(MAX_WRITE_BYTES))
    }
    // at once: what comes from now on begins anew
    this.#isRunning = false
  }

  async #writeSome(batches: readonly WaitingBatch[]): Promise<void> {
    const { stats } = this.#parts
    try {
      this.#fd ??= await this.#open()
      await this.#write(batches.map(({ bytes }) => bytes))
    } catch (error: unknown) {
      stats.failed.add(1)
      this.#lose(batches, error instanceof Error ? error.message : String(error))
      // another one may be there the next time
      await this.#closeFd()
      return
    }
    stats.completed.add(1)
    this.#settle(batches)
  }

  async #write(parts: readonly Uint8Array[]): Promise<void> {
    let rest = parts
    let retryMs = FIRST_RETRY_MS
    while (rest.length > 0) {
      const written = await this.#tryWrite(rest)
      if (written === 0 && this.#isGivenUp) throw new Error('it takes nothing')
      if (written === 0) await this.#pause(retryMs)
      retryMs = written === 0 ? Math.min(LAST_RETRY_MS, 2 * retryMs) : FIRST_RETRY_MS
      rest = without(rest, written)
    }
  }

  /** How many bytes were taken; 0: a pipe is full. */
  #tryWrite(parts: readonly Uint8Array[]): Promise<number> {
    return new Promise((resolve, reject) => {
      writev(this.#fd as number, parts as Uint8Array[], null, (error, written) => {
        if (error === null) resolve(written)
        else if (error.code === 'EAGAIN') resolve(0)
        else reject(error)
      })
    })
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.clock.setTimer(ms, resolve)
    })
  }

  async #open(): Promise<number> {
    const { sink, stats } = this.#parts
    try {
      if (sink.kind === 'file') return await openFile(sink.path, LOG_FILE_FLAGS, LOG_FILE_MODE)
      return await this.#openStream(STREAM_FDS[sink.kind])
    } catch (error: unknown) {
      stats.reopenFailed.add(1)
      throw error
    }
  }

  /**
   * A pipe that is opened anew can be told not to wait without doing that to all others who have it. One of another user
   * cannot be opened anew: then it is told after all, as by all of Node's own streams.
   */
  async #openStream(fd: number): Promise<number> {
    const stat = await statFile(fd)
    this.#isOwnFd = stat.isFIFO() || stat.isCharacterDevice()
    if (!this.#isOwnFd) return fd
    try {
      return await openFile(`/dev/fd/${fd}`, LOG_FILE_FLAGS, LOG_FILE_MODE)
    } catch (error: unknown) {
      if (!UNOPENABLE.includes((error as NodeJS.ErrnoException).code ?? '')) throw error
      this.#isOwnFd = false
      // made when it is first asked for, and with it the pipe stops waiting
      void (fd === STREAM_FDS.stdout ? process.stdout : process.stderr)
      return fd
    }
  }

  async #closeFd(): Promise<void> {
    const fd = this.#fd
    this.#fd = undefined
    if (fd === undefined || !this.#isOwnFd) return
    // what was written is written; there is nobody to tell
    await closeFile(fd).catch(() => {})
  }

  #lose(batches: readonly WaitingBatch[], why: string): void {
    const { sink, stats, logger } = this.#parts
    if (!this.#settle(batches)) return
    const count = batches.reduce((sum, batch) => sum + batch.count, 0)
    stats.dropped.add(count)
    const path = sink.kind === 'file' ? sink.path : sink.kind
    logger.limited(`access log ${path}`, 1)?.error('access log cannot be written', { path, lines: count, reason: why })
  }

  /** False: they were settled before. */
  #settle(batches: readonly WaitingBatch[]): boolean {
    if (!this.#waiting.settle(batches)) return false
    this.#parts.stats.totalBuffered.add(-batches.reduce((sum, { bytes }) => sum + bytes.length, 0))
    return true
  }
}

/** What is left of these when so many bytes of them are gone. */
function without(parts: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes
  let at = 0
  while (at < parts.length && left >= (parts[at] as Uint8Array).length) left -= (parts[at++] as Uint8Array).length
  if (left === 0) return parts.slice(at)
  return [(parts[at] as Uint8Array).subarray(left), ...parts.slice(at + 1)]
}

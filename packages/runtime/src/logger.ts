import { type DestinationStream, destination, type Logger as PinoLogger, pino } from 'pino'
import { type Clock, systemClock } from './clock.ts'
import { LOG_LEVELS, type LogLevel } from './log-level.ts'
import { LogLimiter } from './log-limiter.ts'
import { redact, redactText } from './redact.ts'

/** Of a log that nobody reads, more than this is thrown away. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024
const MAX_MESSAGE_LENGTH = 8_192

export type LogFields = Readonly<Record<string, unknown>>

/** Writes lines of one component. Messages and fields are cleared of secrets. */
export interface LogWriter {
  /** Ask before building an expensive message. */
  isEnabled(level: LogLevel): boolean
  trace(message: string, fields?: LogFields): void
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  critical(message: string, fields?: LogFields): void
}

export interface Logger extends LogWriter {
  /** Of one thread there is one logger per component, with a level of its own. */
  child(component: string): Logger
  /** `logger.limited('bad bytes', 5)?.warn(…)`: undefined when the key has had its lines of this second. */
  limited(key: string, linesPerSecond: number): LogWriter | undefined
  /** Of one component, or of all, including those to come; false when there is no such component. */
  setLevel(level: LogLevel, component?: string): boolean
  levels(): ReadonlyMap<string, LogLevel>
  /** Writes what is buffered, before the process ends. */
  flush(): void
}

export interface LoggerOptions {
  readonly level?: LogLevel
  /** undefined: standard error. */
  readonly destination?: DestinationStream & { flushSync?(): void }
  readonly clock?: Clock
}

/** The root of a thread's loggers; its own component is `main`. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const target = options.destination ?? destination({ fd: 2, sync: false, maxLength: MAX_BUFFERED_BYTES })
  return new LogTree(target, options.level ?? 'info', options.clock ?? systemClock).logger('main')
}

const PINO_LEVELS = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
  critical: 'fatal',
} as const

class LogTree {
  readonly limiter: LogLimiter
  readonly #target: NonNullable<LoggerOptions['destination']>
  readonly #pino: PinoLogger
  readonly #loggers = new Map<string, ComponentLogger>()
  #level: LogLevel

  constructor(target: NonNullable<LoggerOptions['destination']>, level: LogLevel, clock: Clock) {
    this.#target = target
    this.#level = level
    this.limiter = new LogLimiter(clock)
    const formatters = { level: (label: string) => ({ level: label }) }
    const timestamp = () => `,"time":"${new Date(clock.wallTime()).toISOString()}"`
    this.#pino = pino({ level: 'trace', base: null, formatters, timestamp }, target)
  }

  logger(component: string): ComponentLogger {
    const known = this.#loggers.get(component)
    if (known !== undefined) return known
    const logger = new ComponentLogger(this, this.#pino.child({ component }), this.#level)
    this.#loggers.set(component, logger)
    return logger
  }

  setLevel(level: LogLevel, component: string | undefined): boolean {
    if (component !== undefined) {
      this.#loggers.get(component)?.setThreshold(level)
      return this.#loggers.has(component)
    }
    this.#level = level
    for (const logger of this.#loggers.values()) logger.setThreshold(level)
    return true
  }

  levels(): ReadonlyMap<string, LogLevel> {
    return new Map([...this.#loggers].map(([component, logger]) => [component, logger.threshold]))
  }

  flush(): void {
    try {
      this.#target.flushSync?.()
    } catch {
      // Standard error is closed or not open yet: nobody is there to be told.
    }
  }
}

class ComponentLogger implements Logger {
  readonly #tree: LogTree
  readonly #pino: PinoLogger
  #threshold: LogLevel
  #rank: number

  constructor(tree: LogTree, pinoLogger: PinoLogger, threshold: LogLevel) {
    this.#tree = tree
    this.#pino = pinoLogger
    this.#threshold = threshold
    this.#rank = LOG_LEVELS.indexOf(threshold)
  }

  get threshold(): LogLevel {
    return this.#threshold
  }

  setThreshold(level: LogLevel): void {
    this.#threshold = level
    this.#rank = LOG_LEVELS.indexOf(level)
  }

  isEnabled(level: LogLevel): boolean {
    return level !== 'off' && LOG_LEVELS.indexOf(level) >= this.#rank
  }

  trace(message: string, fields?: LogFields): void {
    this.#write('trace', message, fields)
  }

  debug(message: string, fields?: LogFields): void {
    this.#write('debug', message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.#write('info', message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#write('warning', message, fields)
  }

  error(message: string, fields?: LogFields): void {
    this.#write('error', message, fields)
  }

  critical(message: string, fields?: LogFields): void {
    this.#write('critical', message, fields)
  }

  child(component: string): Logger {
    return this.#tree.logger(component)
  }

  limited(key: string, linesPerSecond: number): LogWriter | undefined {
    const suppressed = this.#tree.limiter.pass(key, linesPerSecond)
    if (suppressed < 0) return undefined
    // The next line says how many were held back before it.
    return suppressed === 0 ? this : new ComponentLogger(this.#tree, this.#pino.child({ suppressed }), this.#threshold)
  }

  setLevel(level: LogLevel, component?: string): boolean {
    return this.#tree.setLevel(level, component)
  }

  levels(): ReadonlyMap<string, LogLevel> {
    return this.#tree.levels()
  }

  flush(): void {
    this.#tree.flush()
  }

  #write(level: Exclude<LogLevel, 'off'>, message: string, fields: LogFields = {}): void {
    if (!this.isEnabled(level)) return
    this.#pino[PINO_LEVELS[level]](redact(fields), redactText(message.slice(0, MAX_MESSAGE_LENGTH)))
  }
}

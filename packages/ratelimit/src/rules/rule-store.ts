import type { Clock, Counter, Logger, MetricRegistry } from '@meltemi/runtime'
import { FolderWatch } from './folder-watch.ts'
import { parseRules, type RuleFile, RulesError, type RulesOptions } from './parse-rules.ts'
import { readRuleFiles } from './read-rule-files.ts'
import type { RuleSet } from './rule-set.ts'

export interface RuleStoreOptions extends RulesOptions {
  /** A folder, or one file. */
  readonly path: string
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: MetricRegistry
}

/** The rules in force, followed as their files change; what is wrong is refused whole, and the last good ones stay. */
export class RuleStore {
  readonly #options: RuleStoreOptions
  readonly #success: Counter
  readonly #error: Counter
  readonly #watch: FolderWatch
  #current: RuleSet
  /** What was tried last, good or bad, or why it could not be read: the same is not told twice. */
  #tried: string
  #isLoading = false
  #isStale = false

  /** Rejects with `RulesError` when the rules to begin with are wrong. */
  static async open(options: RuleStoreOptions): Promise<RuleStore> {
    const files = await readRuleFiles(options.path)
    return new RuleStore(options, files, parseRules(files, options))
  }

  private constructor(options: RuleStoreOptions, files: readonly RuleFile[], rules: RuleSet) {
    this.#options = options
    this.#success = options.metrics.counter('ratelimit.service.config_load_success')
    this.#error = options.metrics.counter('ratelimit.service.config_load_error')
    this.#current = rules
    this.#tried = fingerprint(files)
    this.#success.add(1)
    this.#watch = new FolderWatch(options.path, options.clock, () => void this.#reload())
  }

  get current(): RuleSet {
    return this.#current
  }

  close(): void {
    this.#watch.close()
  }

  /** One at a time; what changes meanwhile is looked at afterwards. Never rejects. */
  async #reload(): Promise<void> {
    this.#isStale = true
    if (this.#isLoading) return
    this.#isLoading = true
    while (this.#isStale) {
      this.#isStale = false
      await this.#load()
    }
    this.#isLoading = false
  }

  async #load(): Promise<void> {
    const files = await readRuleFiles(this.#options.path).catch(asRulesError)
    const tried = files instanceof RulesError ? files.message : fingerprint(files)
    if (tried === this.#tried) return
    this.#tried = tried
    try {
      if (files instanceof RulesError) throw files
      this.#current = parseRules(files, this.#options)
      this.#success.add(1)
      this.#options.logger.info('new rules are in force', { files: files.length })
    } catch (error: unknown) {
      this.#refuse(asRulesError(error))
    }
  }

  #refuse({ lines }: RulesError): void {
    this.#error.add(1)
    for (const line of lines) this.#options.logger.error(`new rules are refused, the old ones stay: ${line}`)
  }
}

function asRulesError(error: unknown): RulesError {
  return error instanceof RulesError ? error : new RulesError([String(error)])
}

function fingerprint(files: readonly RuleFile[]): string {
  return JSON.stringify(files.map(({ name, text }) => [name, text]))
}

import type { AccessLogConfig } from '@meltemi/api/model'
import type { BatchWriter } from '../export/batch-writer.ts'
import type { ExchangeRecord } from '../record.ts'
import { compileLine, type LineFormat } from './line-format.ts'
import { compileLogFilter, type FilterParts, type LogFilter } from './log-filter.ts'
import type { LogContext } from './log-value.ts'

/** One log of one listener in one thread. Its format and filter are compiled; what it writes leaves in batches. */
export class AccessLog {
  readonly #filter: LogFilter | undefined
  readonly #line: LineFormat
  readonly #writer: BatchWriter

  /** Throws for a pattern that RE2 does not accept. */
  constructor(config: AccessLogConfig, context: LogContext & FilterParts, writer: BatchWriter) {
    const { filter, format, omitEmptyValues } = config
    this.#filter = filter === undefined ? undefined : compileLogFilter(filter, context)
    this.#line = compileLine(format, omitEmptyValues, context)
    this.#writer = writer
  }

  write(record: ExchangeRecord): void {
    if (this.#filter === undefined || this.#filter(record)) this.#writer.addText(this.#line(record))
  }
}

import type { CaptureEvent } from './capture-event.ts'
import type { Summary } from './summary.ts'

/** How what was found is written: in text for people, or in JSON for programs. */
export interface ReportFormat {
  /** One line, or several. */
  event(event: CaptureEvent): string
  summary(summary: Summary): string
}

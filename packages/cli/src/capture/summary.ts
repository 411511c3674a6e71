import type { CaptureEvent } from './capture-event.ts'
import type { LeftOut } from './left-out.ts'

/** What a whole capture came to. */
export class Summary {
  packets = 0
  readonly leftOut = new Map<LeftOut, number>()
  connections = 0
  /** Connections that were forgotten, for a limit. */
  givenUp = 0
  messages = 0
  exchanges = 0
  unanswered = 0
  unasked = 0
  /** Exchanges that ended with an error, as the codec tells. */
  failed = 0
  oneways = 0
  heartbeats = 0
  streams = 0
  /** Directions that the codec refused to read on. */
  refused = 0
  /** Of directions that could only be read in part. */
  notes = 0
  lostBytes = 0

  leaveOut(reason: LeftOut): void {
    this.leftOut.set(reason, (this.leftOut.get(reason) ?? 0) + 1)
  }

  count(event: CaptureEvent): void {
    if (event.kind === 'note') {
      this.notes++
      if (event.code === 'refused') this.refused++
      return
    }
    this.messages += event.requests + event.replies
    if (event.kind === 'oneway') this.oneways++
    else if (event.kind === 'heartbeat') this.heartbeats++
    else if (event.kind === 'stream') this.streams++
    else if (event.outcome === 'unasked') this.unasked++
    else {
      this.exchanges++
      if (event.isError) this.failed++
      if (event.outcome === 'unanswered') this.unanswered++
    }
  }
}

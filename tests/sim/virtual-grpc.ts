import { RateLimitResponse_Code } from '@meltemi/api/rate-limit'
import type { ProxyParts, Random } from '@meltemi/proxy'
import type { Clock, Timer } from '@meltemi/runtime'
import { type GrpcClient, GrpcCode, GrpcError } from '@meltemi/runtime/grpc'

type DialGrpc = NonNullable<ProxyParts['dialGrpc']>

const SLOWEST_MS = 40

/** Rate limit services that let everything pass, some of them slowly, wrongly or never. */
export class VirtualGrpc {
  /** Calls that have no answer yet. */
  underWay = 0
  asked = 0
  /** Connections that nobody has closed. */
  open = 0
  readonly #clock: Clock
  readonly #random: Random

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  readonly dial: DialGrpc = () => {
    const calls = new Set<() => void>()
    let isClosed = false
    this.open++
    const client: Pick<GrpcClient, 'ask' | 'connect' | 'close'> = {
      ask: (_method, _request, { deadlineMs }, answer) => {
        if (isClosed) throw new Error('the channel is closed')
        let isOver = false
        const timers: Timer[] = []
        this.underWay++
        this.asked++
        const end = (error: GrpcError | null): void => {
          if (isOver) return
          isOver = true
          this.underWay--
          calls.delete(cancel)
          for (const timer of timers) timer.cancel()
          const reply = { overallCode: RateLimitResponse_Code.OK, statuses: [] }
          answer(error, error === null ? (reply as never) : null)
        }
        const cancel = () => end(new GrpcError(GrpcCode.CANCELLED, ''))
        calls.add(cancel)
        const chance = this.#random.next()
        const delayMs = this.#random.next() * SLOWEST_MS
        if (chance < 0.8) timers.push(this.#clock.setTimer(delayMs, () => end(null)))
        else if (chance < 0.9) {
          timers.push(this.#clock.setTimer(delayMs, () => end(new GrpcError(GrpcCode.UNAVAILABLE, ''))))
        }
        if (deadlineMs !== undefined) {
          timers.push(this.#clock.setTimer(deadlineMs, () => end(new GrpcError(GrpcCode.DEADLINE_EXCEEDED, ''))))
        }
        return cancel
      },
      connect: () => {},
      close: () => {
        if (!isClosed) this.open--
        isClosed = true
        for (const cancel of [...calls]) cancel()
      },
    }
    return client as GrpcClient
  }
}

import { ErrorType, type FilterContext, type FilterDefinition, FilterStatus, MessageType } from '@meltemi/sdk'
import type { Draw } from './draw.ts'
import { readRequest } from './payload.ts'
import type { FilterPlan } from './scenario.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { Wire } from './wire.ts'

/** What the proxy itself says of one exchange. */
export interface Testimony {
  readonly client: number
  readonly number: number
  readonly isOneway: boolean
  ended: number
  hasReply: boolean
  /** Code of the failure; empty: none. */
  failure: string
}

export const FILTER = { name: 'meltemi.sim.witness', typeUrl: 'sim/witness', config: undefined } as const

/** A filter that sees every exchange begin and end, and that pauses, refuses or throws as its plan says. */
export class Witness {
  readonly testimonies: Testimony[] = []
  readonly problems: string[] = []
  readonly definition: FilterDefinition
  readonly #byKey = new Map<string, Testimony>()
  readonly #wire: Wire

  constructor(plan: FilterPlan, draw: Draw, clock: VirtualClock, wire: Wire) {
    this.#wire = wire
    this.definition = {
      name: FILTER.name,
      typeUrl: FILTER.typeUrl,
      parse: () => undefined,
      create: (_config, { slot }) => ({
        onRequest: (context) => {
          context.slots[slot] = this.#begun(context)
          return interfere(context, plan, draw, clock)
        },
        onDone: (context) => this.#done(context, context.slots[slot] as Testimony | undefined),
      }),
    }
  }

  of(client: number, number: number): Testimony | undefined {
    return this.#byKey.get(`${client}/${number}`)
  }

  #begun(context: FilterContext): Testimony | undefined {
    const { message, type } = context.request
    const frame = this.#wire.read(message, 'client')?.frame
    const payload = frame && readRequest(frame.body)
    if (payload === undefined) {
      this.problems.push(`the proxy began an exchange with a damaged request`)
      return undefined
    }
    const { client, number } = payload
    const testimony = { client, number, isOneway: type === MessageType.Oneway, ended: 0, hasReply: false, failure: '' }
    this.testimonies.push(testimony)
    if (this.of(client, number) !== undefined) this.problems.push(`request ${client}/${number} began twice`)
    this.#byKey.set(`${client}/${number}`, testimony)
    return testimony
  }

  #done(context: FilterContext, testimony: Testimony | undefined): void {
    if (testimony === undefined) return
    testimony.ended++
    testimony.hasReply = context.reply !== null
    testimony.failure = context.failure?.code ?? ''
  }
}

const REFUSAL = {
  code: 'sim_denied',
  type: ErrorType.Denied,
  message: 'sim: denied',
  source: 'proxy',
  retriable: 'no',
} as const

function interfere(context: FilterContext, plan: FilterPlan, draw: Draw, clock: VirtualClock): FilterStatus {
  if (draw.chance(plan.throwShare)) throw new Error('sim: a filter throws')
  if (draw.chance(plan.failShare)) return context.fail(REFUSAL)
  if (!draw.chance(plan.pauseShare)) return FilterStatus.Continue
  const delayMs = draw.pick([0, 5, 300])
  const isRefused = draw.chance(0.2)
  if (draw.chance(0.9)) {
    clock.setTimer(delayMs, () => {
      if (isRefused) context.fail(REFUSAL)
      else context.resume()
    })
  }
  if (draw.chance(0.1)) context.resume()
  return FilterStatus.Pause
}

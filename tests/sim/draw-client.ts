import type { Draw } from './draw.ts'
import { Behaviour } from './payload.ts'
import type { ClientPlan, RequestPlan } from './scenario.ts'
import type { StreamPlan } from './virtual-stream.ts'
import type { Wire } from './wire.ts'

export interface TrafficDraw {
  readonly draw: Draw
  readonly wire: Wire
  readonly isTcp: boolean
  readonly multiplexing: boolean
  readonly clusterCount: number
  /** Neither clients nor services do anything wrong. */
  readonly isCalm: boolean
  readonly drawsBig: boolean
}

export function drawClient(traffic: TrafficDraw): ClientPlan {
  const { draw, isCalm, multiplexing } = traffic
  const startMs = draw.int(0, 1000)
  const bursts: ClientPlan['bursts'][number][] = []
  for (let atMs = startMs; bursts.length < draw.int(1, 6); atMs += draw.pick([1, 20, 200, 600])) {
    const requests = Array.from({ length: draw.pick([1, 1, 2, 5, 12]) }, () => drawRequest(traffic))
    bursts.push({ atMs, requests })
  }
  const stallsFrom = draw.int(startMs, 2000)
  return {
    startMs,
    // a doubled reply on an exclusive connection can only be told from the next one by its id
    ids: multiplexing ? draw.pick(['counted', 'counted', 'random', 'same', 'unique'] as const) : 'unique',
    bursts,
    stall: draw.chance(0.2) ? { fromMs: stallsFrom, toMs: stallsFrom + draw.int(10, 2500) } : undefined,
    ending:
      isCalm || draw.chance(0.6)
        ? draw.pick(['close', 'half-close'] as const)
        : draw.pick(traffic.isTcp ? TCP_ENDINGS : BAD_ENDINGS),
    endMs: startMs + draw.int(0, 2500),
  }
}

/** Large ones are enough to fill the windows and the buffers behind them. */
function drawBytes(draw: Draw, drawsBig: boolean): number {
  if (!drawsBig || draw.chance(0.7)) return draw.pick([0, 10, 100, 1500])
  return draw.chance(0.2) ? draw.int(100_000, 300_000) : draw.int(1000, 60_000)
}

const TCP_ENDINGS = ['destroy', 'reset', 'vanish'] as const
const BAD_ENDINGS = [...TCP_ENDINGS, 'garbage', 'partial'] as const

function drawRequest(traffic: TrafficDraw): RequestPlan {
  const { draw, wire, isTcp, multiplexing, clusterCount, isCalm, drawsBig } = traffic
  const kind = drawKind(draw, wire)
  const bytes = () => drawBytes(draw, drawsBig)
  return {
    kind,
    // sometimes a cluster that is not there, or no route at all
    route: draw.chance(0.06) ? clusterCount + draw.int(1, 2) : draw.int(0, clusterCount),
    behaviour:
      isCalm || draw.chance(0.85)
        ? draw.chance(0.1)
          ? Behaviour.ErrorReply
          : Behaviour.Ok
        : isTcp
          ? draw.pick(TCP_FAULTS)
          : drawFault(draw, wire, multiplexing),
    delayMs: draw.pick([0, 0, 1, 15, 60, 400]),
    padBytes: bytes(),
    replyBytes: bytes(),
    stream: kind === 'stream' ? drawStream(draw) : undefined,
    parts: wire.hasParts && draw.chance(0.15) ? draw.int(2, 4) : 1,
  }
}

/** What a client can still read that nobody stands before. */
const TCP_FAULTS: readonly number[] = [
  Behaviour.Silent,
  Behaviour.End,
  Behaviour.Reset,
  Behaviour.Vanish,
  Behaviour.Stall,
]

function drawKind(draw: Draw, wire: Wire): RequestPlan['kind'] {
  if (wire.kinds.length === 0 || draw.chance(0.8)) return 'request'
  return draw.pick(wire.kinds)
}

function drawStream(draw: Draw): StreamPlan {
  return {
    frames: draw.int(0, 6),
    gapMs: draw.pick([0, 5, 100]),
    closing: draw.pick(['one-way', 'one-way', 'two-way', 'never'] as const),
  }
}

export function drawFault(draw: Draw, wire: Wire, multiplexing: boolean): number {
  const faults: number[] = [
    Behaviour.Silent,
    Behaviour.Garbage,
    Behaviour.End,
    Behaviour.Reset,
    Behaviour.HalfReply,
    Behaviour.Vanish,
    Behaviour.Stall,
  ]
  // where nothing but the order tells replies apart, these two cannot be noticed by anybody
  if (wire.definition.correlation === 'id') faults.push(Behaviour.WrongId, Behaviour.Doubled)
  return multiplexing && draw.chance(0.3) ? Behaviour.Silent : draw.pick(faults)
}

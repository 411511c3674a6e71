import { type AdminReply, type AdminRequest, type AdminRoute, badRequest } from '@meltemi/runtime'
import type { ProfileKind, ProxyInspector } from './inspector.ts'

const DEFAULT_SECONDS = 10
/** Less than an idle connection of the admin pages lasts. */
const MAX_SECONDS = 30
const KNOWN = new Set(['seconds', 'thread'])
const MAIN = 'main'

/** One profile at a time, whichever. */
export function profileRoutes(inspector: ProxyInspector): AdminRoute[] {
  const profiler = new Profiler(inspector)
  const parameters = `?seconds=1…${MAX_SECONDS}, ?thread=0…|${MAIN}; from this machine only`
  return [
    {
      method: 'POST',
      path: '/cpuprofiler',
      description: `takes a CPU profile and answers with it; ${parameters}`,
      handle: (request) => profiler.take('cpu', request),
    },
    {
      method: 'POST',
      path: '/heapprofiler',
      description: `takes a profile of allocations and answers with it; ${parameters}`,
      handle: (request) => profiler.take('heap', request),
    },
  ]
}

class Profiler {
  readonly #inspector: ProxyInspector
  #isBusy = false

  constructor(inspector: ProxyInspector) {
    this.#inspector = inspector
  }

  async take(kind: ProfileKind, { query, isLocal }: AdminRequest): Promise<AdminReply> {
    if (!isLocal) return { status: 403, body: 'profiles are for callers on this machine\n' }
    const unknown = [...query.keys()].find((key) => !KNOWN.has(key))
    if (unknown !== undefined) return badRequest(`there is no parameter ${unknown}: profiles come in the reply`)
    const seconds = Number(query.get('seconds') ?? DEFAULT_SECONDS)
    if (!(seconds > 0 && seconds <= MAX_SECONDS))
      return badRequest(`seconds must be more than 0, at most ${MAX_SECONDS}`)
    const thread = this.#threadOf(query.get('thread'))
    if (thread === undefined) return badRequest(`thread must be ${this.#threadNames()}`)
    if (this.#isBusy) return { status: 409, body: 'another profile is being taken\n' }
    return this.#run(kind, thread, seconds * 1000)
  }

  async #run(kind: ProfileKind, thread: number | typeof MAIN, durationMs: number): Promise<AdminReply> {
    this.#isBusy = true
    try {
      const profile = await this.#inspector.profile(kind, thread, durationMs)
      if (profile === undefined) return { status: 503, body: 'the thread has ended, or does not answer\n' }
      return { contentType: 'application/json', body: profile }
    } finally {
      this.#isBusy = false
    }
  }

  /** Without a name: the first one with traffic. */
  #threadOf(name: string | null): number | typeof MAIN | undefined {
    const { workers } = this.#inspector
    if (name === null) return workers > 0 ? 0 : MAIN
    if (name === MAIN) return MAIN
    return /^\d{1,3}$/.test(name) && Number(name) < workers ? Number(name) : undefined
  }

  #threadNames(): string {
    const { workers } = this.#inspector
    return workers === 0 ? MAIN : `${MAIN}, or 0 to ${workers - 1}`
  }
}

import { mostTries } from './add-retries.ts'
import { checkSpans } from './check-spans.ts'
import { SERVICES_END_MS } from './draw-scenario.ts'
import { Behaviour } from './payload.ts'
import { countClusters, MIRROR, type ServicePlan } from './scenario.ts'
import type { Run } from './stage.ts'
import type { VirtualClient } from './virtual-client.ts'

/** What must hold at three moments of a run. Each fault is one text. */
export const checkInvariants = { answered, clientsGone, stopped }

/** Traffic is over and the services are gone: every request has its end. */
function answered(run: Run): void {
  for (const client of run.clients) {
    checkOutcomes(run, client)
    checkStreams(run, client)
    checkBegun(run, client)
    if (!mayLose(run, client) && client.unanswered > 0)
      run.problem(`client ${client.number}: ${client.unanswered} requests without an end`)
  }
  checkArrivals(run)
  for (const [key, count] of run.copies) if (count > 1) run.problem(`request ${key} reached a mirror ${count} times`)
  checkTestimonies(run)
  if (isUntroubled(run)) for (const client of run.clients) checkUntroubled(run, client)
  expectEqual(run, 'rq_active of upstreams', run.metrics.sum('upstream_rq_active'), 0)
  expectEqual(run, 'requests waiting for a connection', run.metrics.sum('upstream_rq_pending_active'), 0)
  if (run.clients.every((client) => client.plan.stall === undefined)) {
    expectEqual(run, 'request_active', run.metrics.sum('.request_active'), 0)
  }
}

/** At most one try at a service more than there are retries, and of what has no reply, or may not be repeated, one. */
function checkArrivals(run: Run): void {
  const most = mostTries(run.scenario)
  const plans = new Map(
    run.clients.flatMap(({ number, requests }) => requests.map((one) => [`${number}/${one.number}`, one.plan])),
  )
  for (const [key, count] of run.arrivals)
    if (count > (plans.get(key)?.kind === 'request' ? most : 1))
      run.problem(`request ${key} reached a service ${count} times`)
}

/** Connections that nobody ended for a reason may not lose a request. */
function mayLose(run: Run, client: VirtualClient): boolean {
  const { metrics, scenario } = run
  const endedByProxy = [
    'idle_timeout',
    'partial_message_timeout',
    'downstream_cx_overflow',
    'overload_closed',
    'overload_reject',
  ]
  // the end of a service is the end of the clients whose bytes it was to get, however much of them is still on the wire
  if (scenario.isTcp && client.endedMs >= SERVICES_END_MS) return true
  if (scenario.isTcp) return client.isFaulty || (client.wasEnded && !isTcpCalm(run, client))
  if (!client.wasEnded && !client.isFaulty) return false
  return client.isFaulty || drains(scenario) || endedByProxy.some((counter) => metrics.sum(counter) > 0)
}

/** The proxy, or the listener alone. */
function drains({ drainMs, changes }: Run['scenario']): boolean {
  return drainMs !== undefined || changes.some(({ change }) => change.listenersRemoved.length > 0)
}

/** Nothing has happened that would end a connection whose bytes are passed on unread. */
function isTcpCalm(run: Run, client: VirtualClient): boolean {
  const troubles = [
    'connect_fail',
    'connect_timeout',
    'cx_overflow',
    'none_healthy',
    'no_route',
    'idle_timeout',
    'overload_closed',
    'overload_reject',
  ]
  const isCalm = (behaviour: number) => CALM.includes(behaviour)
  return (
    client.requests.every((request) => isCalm(request.plan.behaviour)) &&
    !drains(run.scenario) &&
    run.scenario.services.every((service) => service.outage === undefined) &&
    troubles.every((counter) => run.metrics.sum(counter) === 0)
  )
}

const CALM: readonly number[] = [Behaviour.Ok, Behaviour.ErrorReply, Behaviour.Stall]

/** Nothing has happened for which the proxy would have to answer itself. */
function isUntroubled({ scenario, metrics }: Run): boolean {
  const { filter, services, names } = scenario
  const troubles = [
    'cx_overflow',
    'rq_overflow',
    'pending_overflow',
    'request_timeout',
    'none_healthy',
    'request_overload',
    'connect_timeout',
    'per_try_timeout',
  ]
  return (
    scenario.isCalm &&
    !scenario.isTcp &&
    scenario.config.listeners.every((listener) => !hurries(listener)) &&
    (filter === undefined || filter.failShare + filter.throwShare + filter.pauseShare === 0) &&
    services.every((service) => isMirror(service) || isSteady(service)) &&
    // with requests under way
    scenario.config.clusters.every((cluster) => !cluster.closesConnectionsOfUnhealthy) &&
    names.every((name) => name.addresses.every((address) => address.untilMs > ALWAYS_MS)) &&
    // no trouble of a mirror is one of a request
    troubles.every((counter) => metrics.sum(counter, `cluster.${MIRROR}.`) === 0)
  )
}

function isMirror({ mirrorActs }: ServicePlan): boolean {
  return mirrorActs !== undefined
}

function isSteady({ fate, outage }: ServicePlan): boolean {
  return fate === 'accepted' && outage === undefined
}

const ALWAYS_MS = 1e8
const PATIENT_MS = 10_000

/** A large message may take longer than it allows. */
function hurries({ filter }: Run['scenario']['config']['listeners'][number]): boolean {
  if (filter.kind !== 'meta-protocol') return false
  return filter.partialMessageTimeoutMs > 0 && filter.partialMessageTimeoutMs < PATIENT_MS
}

function checkUntroubled(run: Run, client: VirtualClient): void {
  for (const { number, plan, outcome, endedMs, error } of client.requests) {
    if (outcome !== 'failed' || endedMs >= SERVICES_END_MS || plan.route > countClusters(run.scenario)) continue
    if (plan.route === run.scenario.deniedRoute) continue
    run.problem(`request ${client.number}/${number} failed without a reason: ${error}`)
  }
}

function checkStreams(run: Run, client: VirtualClient): void {
  if (client.isFaulty || client.wasEnded || client.hasEnded || client.openStreams === 0) return
  run.problem(`client ${client.number}: ${client.openStreams} streams without an end`)
}

/** What the proxy has begun is answered also when it drains, or ends what is idle. */
function checkBegun(run: Run, client: VirtualClient): void {
  const closed = ['downstream_cx_overflow', 'overload_closed', 'partial_message_timeout']
  const isCutOff = drains(run.scenario) && run.scenario.listenerDrainMs < SERVICES_END_MS
  const isExcused = isCutOff || client.isFaulty || client.plan.stall !== undefined || client.hasAnonymousErrors
  if (isExcused || closed.some((counter) => run.metrics.sum(counter) > 0)) return
  for (const { number, plan, outcome } of client.requests) {
    if (plan.kind !== 'request' || outcome !== 'sent') continue
    if (run.witness?.of(client.number, number) !== undefined) {
      run.problem(`request ${client.number}/${number} was begun and never answered`)
    }
  }
}

function checkOutcomes(run: Run, client: VirtualClient): void {
  for (const request of client.requests) {
    const { plan, number, outcome } = request
    const name = `request ${client.number}/${number}`
    const hasNoRoute = plan.route > countClusters(run.scenario)
    if (outcome === 'replied' && hasNoRoute && plan.kind === 'request' && !run.scenario.isTcp)
      run.problem(`${name} was answered without a route`)
    if (plan.route === run.scenario.deniedRoute && run.arrivals.has(`${client.number}/${number}`))
      run.problem(`${name} is denied and reached a service`)
    if (plan.kind === 'oneway' && outcome !== 'sent') run.problem(`${name} is one-way and was answered`)
    const isRetried = (run.arrivals.get(`${client.number}/${number}`) ?? 0) > 1
    if (outcome === 'replied' && plan.kind === 'request' && !isRetried && !ANSWERING.includes(plan.behaviour)) {
      run.problem(`${name} was answered though its service did not`)
    }
    const testimony = run.witness?.of(client.number, number)
    if (testimony === undefined) continue
    if (outcome === 'replied' && !testimony.hasReply)
      run.problem(`${name} was replied to, and the proxy knows nothing of it`)
    if (outcome === 'failed' && testimony.failure === '') run.problem(`${name} got a local error without a failure`)
  }
}

const ANSWERING: readonly number[] = [Behaviour.Ok, Behaviour.ErrorReply, Behaviour.Doubled, Behaviour.Stall]

function checkTestimonies(run: Run): void {
  const { witness } = run
  if (witness === undefined) return
  for (const text of witness.problems) run.problem(text)
  for (const one of witness.testimonies) {
    if (one.ended !== 1) run.problem(`exchange ${one.client}/${one.number} ended ${one.ended} times`)
  }
}

/** Only connections whose client has vanished, or does not read, may be left. */
function clientsGone(run: Run): void {
  const vanished = run.clients.filter((client) => client.plan.ending === 'vanish').length
  if (run.proxy.connectionCount > vanished) run.problem(`${run.proxy.connectionCount} connections of ended clients`)
  expectEqual(run, 'request_active', run.metrics.sum('.request_active'), 0)
  if (vanished === 0) checkDeparted(run)
  for (const one of run.witness?.testimonies ?? []) {
    if (one.ended !== 1) run.problem(`exchange ${one.client}/${one.number} ended ${one.ended} times`)
  }
}

/** Of what was removed or replaced nothing is left when nobody uses it any more. */
function checkDeparted({ scenario, proxy, metrics, problem }: Run): void {
  const clusters = new Set(scenario.config.clusters.map(({ name }) => name))
  const listeners = new Set(scenario.config.listeners.map(({ name }) => name))
  const stats = new Map(scenario.config.clusters.map(({ name, statName }) => [name, statName]))
  for (const { change } of scenario.changes) {
    for (const { name, statName } of change.clusters) {
      clusters.add(name)
      stats.set(name, statName)
    }
    for (const name of change.clustersRemoved) clusters.delete(name)
    for (const { name } of change.listeners) listeners.add(name)
    for (const name of change.listenersRemoved) listeners.delete(name)
  }
  if (proxy.clusterCount !== clusters.size) problem(`${proxy.clusterCount} clusters, not ${clusters.size}`)
  const held = [...metrics.held.keys()].filter((group) => group.startsWith('cluster.')).sort()
  const expected = [...new Set([...clusters].map((name) => `cluster.${stats.get(name)}`))].sort()
  if (held.join() !== expected.join()) problem(`stats of ${held.join()}, not of ${expected.join()}`)
  const open = [...metrics.held.keys()].some((group) => group.startsWith('listener.'))
  if (open !== listeners.size > 0) problem(`stats of a listener: ${open}`)
}

/** The proxy has stopped and nothing moves any more: nothing is held, and the books are in order. */
function stopped(run: Run): void {
  const { metrics, network, clock, proxy, limits } = run
  for (const text of network.problems) run.problem(text)
  for (const text of run.logged)
    if (text.startsWith('error') && !text.includes('sim: a filter throws')) run.problem(text)
  expectEqual(run, 'connections', proxy.connectionCount, 0)
  expectEqual(run, 'timers of the proxy', proxy.timerCount, 0)
  expectEqual(run, 'timers', clock.pendingTimers, 0)
  for (const socket of network.openSockets('proxy'))
    run.problem(`socket ${socket.number} of the proxy to ${socket.remoteAddress} is left open`)
  // subsets are part of the configuration, not under way
  for (const [name, value] of metrics.entries())
    if (name.endsWith('_active') && !name.endsWith('lb_subsets_active') && value !== 0)
      run.problem(`${name} is ${value} at the end`)
  expectEqual(run, 'limits', limits.inUse, 0)
  expectEqual(run, 'calls of filters', run.grpc.underWay, 0)
  expectEqual(run, 'channels of filters', run.grpc.open, 0)
  checkBooks(run)
  checkSpans(run)
}

function checkBooks(run: Run): void {
  const { metrics, network } = run
  const sum = (...names: string[]) => names.reduce((total, name) => total + metrics.sum(name), 0)
  expectEqual(
    run,
    'listener connections',
    sum('9000.downstream_cx_total'),
    sum('downstream_cx_destroy', '9000.downstream_cx_overflow', 'overload_reject'),
  )
  checkLimit(run)
  if (run.scenario.isTcp) return
  expectEqual(
    run,
    'upstream connections',
    sum('upstream_cx_total'),
    sum(
      'upstream_cx_connect_fail',
      'upstream_cx_connect_timeout',
      'upstream_cx_destroy_local',
      'upstream_cx_destroy_remote',
    ),
  )
  const copies = sum('mirror_completed', 'mirror_failed', 'mirror_timeout', 'mirror_dropped')
  expectEqual(run, 'copies and their ends', sum('mirror_total'), copies)
  expectEqual(run, 'requests by kind', sum('sim.request'), sum('request_twoway', 'request_oneway', 'request_stream'))
  expectEqual(run, 'bytes received', sum('cx_rx_bytes_total'), network.proxyBytes.received)
  expectEqual(run, 'bytes sent', sum('cx_tx_bytes_total'), network.proxyBytes.sent)
  // streams beyond the limit are requests that never began
  if (!run.scenario.wire.kinds.includes('stream'))
    expectEqual(run, 'requests by method', metrics.sumFrom('meltemi.requests_total'), sum('sim.request'))
  // what overflows is counted as a reply and as cut off
  if (run.scenario.wire.kinds.length > 0 || sum('sim.downstream_cx_overflow') > 0) return
  const ends = sum('sim.response', 'local_response_business_exception', 'local_response_error')
  const cutOff = sum('cx_destroy_local_with_active_rq', 'cx_destroy_remote_with_active_rq')
  expectEqual(run, 'requests and their ends', sum('sim.request'), ends + cutOff)
}

/** No more than the bucket of all can have given; a listener that comes again begins with a full one. */
function checkLimit({ scenario, metrics, clock, problem }: Run): void {
  const bucket = scenario.limit?.filter.parsed.bucket
  if (bucket === undefined || bucket.perConnection || bucket.metadataKeys.length > 0) return
  const times = 1 + scenario.changes.filter(({ change }) => change.listeners.length > 0).length
  const steps = Math.floor(clock.now() / bucket.fillIntervalMs) + 1
  const most = times * bucket.maxTokens + steps * bucket.tokensPerFill
  const given = metrics.sum('limit.local_rate_limit.ok')
  if (given > most) problem(`${given} requests were let in, not ${most} at most`)
}

function expectEqual(run: Run, what: string, actual: number, expected: number): void {
  if (actual !== expected) run.problem(`${what}: ${actual}, not ${expected}`)
}

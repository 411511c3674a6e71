// A siege of the proxy's memory, with goals: see tests/harness/siege. Exits with 1 when one is missed.
// node --conditions=meltemi-source benchmarks/siege.ts [--senders 1000] [--readers 200] [--memory-limit-mib 512] [--concurrency 1]
//   [--own-thread] [--seconds 20] [--rest-seconds 300] [--mmap-threshold 65536] [--write docs/benchmarks.md]

import { parseArgs } from 'node:util'
import { besiege, type SiegeOptions, type SiegeReport } from '../tests/harness/siege/siege.ts'
import { describeMachine, readRevision } from './machine.ts'
import { writeBetweenMarkers } from './report.ts'

const SLOWER = 3
const LARGER = 1.2

const { values } = parseArgs({
  options: {
    senders: { type: 'string', default: '1000' },
    readers: { type: 'string', default: '200' },
    'memory-limit-mib': { type: 'string', default: '512' },
    concurrency: { type: 'string', default: '1' },
    'own-thread': { type: 'boolean', default: false },
    seconds: { type: 'string', default: '20' },
    'rest-seconds': { type: 'string', default: '300' },
    'mmap-threshold': { type: 'string', default: '65536' },
    write: { type: 'string' },
  },
})

const options: SiegeOptions = {
  senders: Number(values.senders),
  readers: Number(values.readers),
  memoryLimitMib: Number(values['memory-limit-mib']),
  concurrency: Number(values.concurrency),
  hasOwnThread: values['own-thread'],
  seconds: Number(values.seconds),
  restSeconds: Number(values['rest-seconds']),
  environment: { MALLOC_MMAP_THRESHOLD_: values['mmap-threshold'] },
}
const report = await besiege(options)
console.error(JSON.stringify(report, null, 2))
const text = format(report)
console.log(text)
if (values.write !== undefined) writeBetweenMarkers(values.write, 'siege', text)
const problems = findProblems(report)
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exitCode = 1

function findProblems({ before, during, startMib, mostMib, endMib, left }: SiegeReport): readonly string[] {
  const goals: readonly (readonly [boolean, string])[] = [
    [during.failed === 0, `${during.failed} requests of the quiet client failed`],
    [during.p99Ms <= SLOWER * before.p99Ms, `p99 is more than ${SLOWER} times what it was`],
    [mostMib <= options.memoryLimitMib, `memory was ${mostMib} MiB`],
    [endMib <= LARGER * startMib, `memory is ${endMib} MiB in the end, more than ${LARGER} times ${startMib} MiB`],
    [left.length === 0, `something is left: ${left.join(', ')}`],
  ]
  return goals.flatMap(([isReached, problem]) => (isReached ? [] : [problem]))
}

function format({ before, during, startMib, mostMib, endMib, shed, timedOut, left }: SiegeReport): string {
  const { senders, readers, memoryLimitMib, concurrency, hasOwnThread, seconds, restSeconds } = options
  return [
    `${new Date().toISOString().slice(0, 10)}: ${describeMachine()}, ${readRevision()}. ${senders} senders and ${readers} readers for ${seconds} s, a limit of ${memoryLimitMib} MiB, ${concurrency} worker${hasOwnThread ? ', and one for the listener of the quiet client' : ''}, MALLOC_MMAP_THRESHOLD_=${values['mmap-threshold']}.`,
    '',
    '| | before | during | after |',
    '|---|---|---|---|',
    `| requests of the quiet client | ${before.asked} | ${during.asked} | |`,
    `| of them failed | ${before.failed} | ${during.failed} | |`,
    `| p50 | ${before.p50Ms.toFixed(2)} ms | ${during.p50Ms.toFixed(2)} ms | |`,
    `| p99 | ${before.p99Ms.toFixed(2)} ms | ${during.p99Ms.toFixed(2)} ms | |`,
    `| memory of the process | ${startMib} MiB | at most ${mostMib} MiB | ${endMib} MiB after ${restSeconds} s |`,
    `| clients closed: they held the most; their time was over | | ${shed}; ${timedOut} | |`,
    `| gauges of what is under way that are not 0 | | | ${left.length} |`,
  ].join('\n')
}

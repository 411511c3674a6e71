// Where Meltemi's time goes: runs a load against one thread (`--concurrency 0`) under Node's profiler and lists the
// functions with the most time of their own. Reads in the kernel are missing: to V8 they are a part of being idle.
// node --conditions=meltemi-source benchmarks/profile.ts [--load 64x1] [--payload 128] [--protocol awesomerpc]
//   [--multiplexing off] [--policies] [--seconds 5] [--top 25] [--keep FILE.cpuprofile]

import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { LoadResult } from './load/run-load.ts'
import { parseLoad, parseWire } from './plan.ts'
import { policyFields } from './policies/policies.ts'
import { withMeltemi } from './with-meltemi.ts'

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
}

interface Profile {
  /** Microseconds. */
  readonly startTime: number
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const SLICE_US = 100_000

const { values } = parseArgs({
  options: {
    load: { type: 'string', default: '64x1' },
    payload: { type: 'string', default: '128' },
    protocol: { type: 'string', default: 'awesomerpc' },
    multiplexing: { type: 'string', default: 'on' },
    policies: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '5' },
    top: { type: 'string', default: '25' },
    keep: { type: 'string' },
  },
})
const wire = parseWire(values.protocol)
const profileFolder = mkdtempSync(join(tmpdir(), 'meltemi-profile-'))
const nodeArgs = ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`, '--cpu-prof-interval=200']
const fields = values.policies ? policyFields(wire) : {}
const options = { wire, isMultiplexing: values.multiplexing === 'on', concurrency: 0, fields, nodeArgs }
try {
  const result = await withMeltemi(
    () => options,
    ({ meltemi, generator, backendPid }) =>
      generator.run({
        ...parseLoad(values.load),
        wire,
        writes: 'joined',
        payloadBytes: Number(values.payload),
        port: meltemi.port,
        pids: meltemi.pids(),
        backendPid,
        warmUpMs: 2000,
        windowMs: Number(values.seconds) * 1000,
      }),
  )
  const [file] = readdirSync(profileFolder)
  if (file === undefined) throw new Error('the proxy left no profile')
  if (values.keep !== undefined) copyFileSync(join(profileFolder, file), values.keep)
  console.log(describe(result))
  console.log(summarise(JSON.parse(readFileSync(join(profileFolder, file), 'utf8')) as Profile, Number(values.top)))
} finally {
  rmSync(profileFolder, { recursive: true, force: true })
}

function describe({ requests, windowMs, cpuMs }: LoadResult): string {
  const speed = Math.round(requests / (windowMs / 1000))
  return `${values.protocol} ${values.load} ${values.payload} B, multiplexing ${values.multiplexing}, under the profiler: ${speed} requests/s, ${((cpuMs * 1000) / requests).toFixed(2)} us CPU each\n`
}

function summarise(profile: Profile, top: number): string {
  const names = new Map(profile.nodes.map((node) => [node.id, nameOf(node)]))
  const samples = listSamples(profile, names).filter((sample) => sample.name !== '(idle)')
  const lengthUs = Number(values.seconds) * 1e6
  const fromUs = findEndOfLoad(samples) - lengthUs
  const selfUs = new Map<string, number>()
  for (const { name, atUs, us } of samples) {
    if (atUs >= fromUs && atUs <= fromUs + lengthUs) selfUs.set(name, (selfUs.get(name) ?? 0) + us)
  }
  const sorted = [...selfUs].toSorted((a, b) => b[1] - a[1])
  const total = sorted.reduce((sum, [, us]) => sum + us, 0)
  const show = ([name, us]: [string, number]): string => `${((us / total) * 100).toFixed(1).padStart(5)} %  ${name}`
  const groups = [...sumByGroup(sorted)].toSorted((a, b) => b[1] - a[1])
  return [...groups.map(show), '', ...sorted.slice(0, top).map(show)].join('\n')
}

interface Sample {
  readonly name: string
  readonly atUs: number
  readonly us: number
}

function listSamples(profile: Profile, names: ReadonlyMap<number, string>): Sample[] {
  let atUs = profile.startTime
  return profile.samples.map((id, index) => {
    const us = profile.timeDeltas[index]!
    atUs += us
    return { name: names.get(id)!, atUs, us }
  })
}

// The end of the last half second with work in each of its slices: loading comes before the load, and the little that
// a drain does is no work.
function findEndOfLoad(samples: readonly Sample[]): number {
  const busyUs: number[] = []
  for (const { atUs, us } of samples) {
    const slice = Math.floor((atUs - samples[0]!.atUs) / SLICE_US)
    busyUs[slice] = (busyUs[slice] ?? 0) + us
  }
  const isBusy = (slice: number): boolean => (busyUs[slice] ?? 0) > SLICE_US / 5
  let last = busyUs.length - 1
  while (last > 0 && ![0, 1, 2, 3, 4].every((back) => isBusy(last - back))) last--
  return samples[0]!.atUs + (last + 1) * SLICE_US
}

function sumByGroup(functions: readonly (readonly [string, number])[]): Map<string, number> {
  const sums = new Map<string, number>()
  for (const [name, us] of functions) sums.set(groupOf(name), (sums.get(groupOf(name)) ?? 0) + us)
  return sums
}

function groupOf(name: string): string {
  if (/^(writeBuffer|writev)$/.test(name)) return 'all writes to sockets, in the kernel'
  if (name === '(garbage collector)') return 'all garbage collection'
  if (name === '(program)') return 'all of the event loop outside of JavaScript'
  const ours = / packages\/(\w+)\//.exec(name)
  return ours === null ? 'all of Node' : `all of packages/${ours[1]}`
}

function nameOf({ callFrame }: ProfileNode): string {
  const { functionName, url, lineNumber } = callFrame
  const file = url.replace(/^.*\/(packages|node_modules)\//, '$1/')
  return `${functionName || '(anonymous)'} ${file === '' ? '' : `${file}:${lineNumber + 1}`}`.trim()
}

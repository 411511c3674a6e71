// Where Meltemi's time goes: runs a load against one thread (`--concurrency 0`) under Node's profiler and lists the
// functions with the most time of their own.
// node --conditions=meltemi-source benchmarks/profile.ts [--load 64x1] [--payload 128] [--protocol awesomerpc]
//   [--multiplexing off] [--seconds 5] [--top 25] [--keep FILE.cpuprofile]

import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { LoadResult } from './load/generator.ts'
import { parseLoad, parseWire } from './plan.ts'
import { withMeltemi } from './with-meltemi.ts'

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
}

interface Profile {
  /** Microseconds. */
  readonly startTime: number
  readonly endTime: number
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const { values } = parseArgs({
  options: {
    load: { type: 'string', default: '64x1' },
    payload: { type: 'string', default: '128' },
    protocol: { type: 'string', default: 'awesomerpc' },
    multiplexing: { type: 'string', default: 'on' },
    seconds: { type: 'string', default: '5' },
    top: { type: 'string', default: '25' },
    keep: { type: 'string' },
  },
})
const wire = parseWire(values.protocol)
const profileFolder = mkdtempSync(join(tmpdir(), 'meltemi-profile-'))
const nodeArgs = ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`, '--cpu-prof-interval=200']
const options = { wire, isMultiplexing: values.multiplexing === 'on', concurrency: 0, nodeArgs }
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
  const selfUs = new Map<string, number>()
  // the load is the last that the process sees; what came before is loading and compiling
  const fromUs = profile.endTime - Number(values.seconds) * 1e6
  let atUs = profile.startTime
  profile.samples.forEach((id, index) => {
    const name = names.get(id)!
    atUs += profile.timeDeltas[index]!
    if (atUs >= fromUs && name !== '(idle)') selfUs.set(name, (selfUs.get(name) ?? 0) + profile.timeDeltas[index]!)
  })
  const sorted = [...selfUs].toSorted((a, b) => b[1] - a[1])
  const total = sorted.reduce((sum, [, us]) => sum + us, 0)
  const lines = sorted.slice(0, top).map(([name, us]) => `${((us / total) * 100).toFixed(1).padStart(5)} %  ${name}`)
  return lines.join('\n')
}

function nameOf({ callFrame }: ProfileNode): string {
  const { functionName, url, lineNumber } = callFrame
  const file = url.replace(/^.*\/(packages|node_modules)\//, '$1/')
  return `${functionName || '(anonymous)'} ${file === '' ? '' : `${file}:${lineNumber + 1}`}`.trim()
}

// What policies add to a request in the proxy's own code, without sockets and the kernel: for seeing what a change does
// on a machine where other programs disturb everything else. Variants have their turn again and again, for moments.
// node --conditions=meltemi-source benchmarks/request-path.ts [--protocol awesomerpc] [--pairs 60] VARIANT...
//   VARIANT: plain, policies, limit, rules, retries, routes; with @DIR behind it, as another checkout has it. The first
//   one is what the others are compared with.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { V8_FLAGS } from '@meltemi/proxy'
import { formatRatio, ratioOf } from './ratio.ts'
import { median } from './statistics.ts'

const SLICE_MS = 120
const WARM_UP_MS = 1500
/** A young generation like that of a worker, nothing in the old one by mistake, and V8's flags as a proxy sets them. */
const NODE_ARGS = ['--conditions=meltemi-source', '--max-semi-space-size=8', ...V8_FLAGS]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { protocol: { type: 'string', default: 'awesomerpc' }, pairs: { type: 'string', default: '60' } },
})
const variants = positionals.length === 0 ? ['plain', 'limit', 'rules', 'retries', 'policies'] : positionals
const children = await Promise.all(variants.map(start))
for (const child of children) await measure(child, WARM_UP_MS)
const nanos = variants.map((): number[] => [])
for (let round = 0; round < Number(values.pairs); round++) {
  for (let turn = 0; turn < children.length; turn++) {
    const at = (round + turn) % children.length
    nanos[at]?.push(await measure(children[at] as ChildProcess, SLICE_MS))
  }
}
for (const child of children) child.disconnect()
for (const [at, variant] of variants.entries()) {
  const own = nanos[at] ?? []
  console.log(`${variant}: ${median(own).toFixed(0)} ns, × ${formatRatio(ratioOf(own, nanos[0] ?? []))}`)
}

async function start(variant: string): Promise<ChildProcess> {
  const [name = '', folder = join(import.meta.dirname, '..')] = variant.split('@')
  const child = fork(join(folder, 'benchmarks/policies/path-child.ts'), [values.protocol, name], {
    execArgv: NODE_ARGS,
  })
  await once(child, 'message')
  return child
}

async function measure(child: ChildProcess, ms: number): Promise<number> {
  child.send(ms)
  const [result] = (await once(child, 'message')) as [number]
  return result
}

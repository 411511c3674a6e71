// What a whole process, its children included, has used, from /proc: the only measure that is the same for a proxy
// in JavaScript with helper threads, for nginx with a master and a worker, and for Envoy.

import { readdirSync, readFileSync } from 'node:fs'

const TICK_MS = 10 // USER_HZ is 100 on every Linux that Node runs on

/** The process and its descendants, as they are now. */
export function findProcessTree(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    const parent = Number.isInteger(pid) ? readStat(pid)?.[1] : undefined
    if (parent === undefined) continue
    children.set(Number(parent), [...(children.get(Number(parent)) ?? []), pid])
  }
  const found = [root]
  for (let index = 0; index < found.length; index++) found.push(...(children.get(found[index]!) ?? []))
  return found
}

/** User plus system time of all the processes. */
export function readCpuMs(pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids) {
    const stat = readStat(pid)
    if (stat !== undefined) ticks += Number(stat[11]) + Number(stat[12])
  }
  return ticks * TICK_MS
}

/** What the whole machine was busy with, on all cores. */
export function readMachineCpuMs(): number {
  const fields = readText('/proc/stat')?.split('\n')[0]?.trim().split(/\s+/).slice(1).map(Number) ?? []
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, steal = 0] = fields
  return (user + nice + system + irq + softIrq + steal) * TICK_MS
}

/** Resident memory of all the processes; pages shared between them are counted in each. */
export function readRssBytes(pids: readonly number[]): number {
  let kib = 0
  for (const pid of pids) {
    const line = readText(`/proc/${pid}/status`)?.match(/^VmRSS:\s+(\d+) kB/m)
    kib += Number(line?.[1] ?? 0)
  }
  return kib * 1024
}

// The fields of /proc/PID/stat from the third (state) on: the second, the name, may contain blanks.
function readStat(pid: number): string[] | undefined {
  const text = readText(`/proc/${pid}/stat`)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined // the process has ended between listing and reading
  }
}

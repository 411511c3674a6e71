// The facts without which a figure means nothing.

import { spawnSync } from 'node:child_process'
import { availableParallelism, cpus, release, totalmem } from 'node:os'

export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  const memoryGib = Math.round(totalmem() / 2 ** 30)
  return `${availableParallelism()} cores (${model}), ${memoryGib} GiB, Linux ${release()}, Node ${process.versions.node}`
}

/** The commit of a checkout: of this one, if not said. */
export function readRevision(checkout: string = import.meta.dirname): string {
  const { stdout, status } = spawnSync('git', ['describe', '--always', '--dirty', '--abbrev=10'], {
    cwd: checkout,
    encoding: 'utf8',
  })
  return status === 0 ? `commit ${stdout.trim()}` : 'no commit'
}

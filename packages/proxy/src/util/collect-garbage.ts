import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Options = { readonly type: 'minor' | 'major'; readonly flavor?: 'last-resort' }
type Collect = (options: Options) => void

const OPTIONS: Readonly<Record<'all' | 'minor' | 'last-resort', Options>> = {
  all: { type: 'major' },
  minor: { type: 'minor' },
  'last-resort': { type: 'major', flavor: 'last-resort' },
}

let collect: Collect | undefined

/**
 * Of this thread. `minor`: what has been allocated lately, in about a millisecond. `last-resort`: also what V8 keeps to be
 * quick, such as empty pages and compiled code.
 */
export function collectGarbage(kind: 'all' | 'minor' | 'last-resort'): void {
  collect ??= findCollector()
  collect(OPTIONS[kind])
}

/**
 * V8 looks at the whole heap of a thread when it has grown by so much since the last time, and not by 16 MB already. Large
 * heaps grow as V8 sees fit. For all threads of the process, after the next look.
 */
export function allowGrowth(bytes: number): void {
  const percent = Math.floor((bytes * 100) / getHeapStatistics().used_heap_size)
  setFlagsFromString(`--heap-growing-percent=${percent < 100 ? 0 : percent}`)
}

/** V8 shows it to contexts that are made after the flag is set. */
function findCollector(): Collect {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as Collect
}

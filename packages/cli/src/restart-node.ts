const THRESHOLD = 'MALLOC_MMAP_THRESHOLD_'
const THRESHOLD_BYTES = 1024 * 1024
const OWN_GARBAGE = '--single-threaded-gc'

/**
 * Starts this process anew, once, as the proxy wants Node to be:
 *
 * - glibc gives large blocks back to the machine when they are freed. Else it keeps them for later, from the first one of up
 *   to 32 MiB on: the proxy, whose memory has a limit, would take what an ended worker has left behind for a load that
 *   never goes away.
 * - With `--own-thread` each thread collects its garbage by itself. V8's helpers, of which there are as many as cores, would
 *   take the CPU from the thread that is to be left in peace.
 *
 * Where the operator has chosen already, or where Node cannot (before 22.15, or beside another process that it talks to),
 * all stays as it is.
 */
export function restartNode(): void {
  const { execPath, execArgv, argv, env } = process
  if (process.execve === undefined || process.channel !== undefined) return
  const isChosen = process.platform !== 'linux' || THRESHOLD in env
  const variables = isChosen ? {} : { [THRESHOLD]: String(THRESHOLD_BYTES) }
  const hasOwnThread = argv.some((argument) => /^--own-thread(?:=|$)/.test(argument))
  const flags = hasOwnThread && !execArgv.includes(OWN_GARBAGE) ? [OWN_GARBAGE] : []
  if (isChosen && flags.length === 0) return
  process.execve(execPath, [execPath, ...execArgv, ...flags, ...argv.slice(1)], { ...env, ...variables })
}

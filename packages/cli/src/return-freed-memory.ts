const THRESHOLD = 'MALLOC_MMAP_THRESHOLD_'
const THRESHOLD_BYTES = 1024 * 1024

/**
 * Starts this process anew, once, with an environment in which glibc gives large blocks back to the machine when they
 * are freed. Else it keeps them for later, from the first one of up to 32 MiB on: the proxy, whose memory has a limit,
 * would take what an ended worker has left behind for a load that never goes away. Where the operator has chosen
 * already, or where Node cannot (before 22.15, or beside another process that it talks to), all stays as it is.
 */
export function returnFreedMemory(): void {
  const isChosen = THRESHOLD in process.env || process.channel !== undefined
  if (process.platform !== 'linux' || isChosen || process.execve === undefined) return
  const { execPath, execArgv, argv, env } = process
  process.execve(execPath, [execPath, ...execArgv, ...argv.slice(1)], { ...env, [THRESHOLD]: String(THRESHOLD_BYTES) })
}

import { setFlagsFromString } from 'node:v8'

/** How V8 treats the path of a request in a proxy. */
export const V8_FLAGS: readonly string[] = [
  // Else V8 may take what happens to survive a collection under load for long-lived, and puts a part of each request into
  // the old space for as long as the process runs: half as much time again for each, and three times the memory.
  '--no-allocation-site-pretenuring',
  // V8 stops putting functions into one another after 920 bytes of their code, 4,600 with the small ones that it puts
  // there whatever the size: in the middle of the path of a request. More than this takes longer to compile than it saves.
  '--max-inlined-bytecode-size-cumulative=8000',
  '--max-inlined-bytecode-size-absolute=8000',
  // Else V8 forgets, some seconds after the last connection has closed, what exchanges and connections look like, and with
  // that all the code that it compiled for them: the next requests cost five times as much, for half a second or more. What
  // is worth it after a minute of rest IdleCollector does.
  ...(isAtLeastNode(24) ? ['--no-memory-reducer-favors-memory'] : []),
]

/** For all threads; to be called before there are others. */
export function setV8Flags(): void {
  for (const flag of V8_FLAGS) setFlagsFromString(flag)
}

/** V8 complains of flags that it does not know. */
function isAtLeastNode(major: number): boolean {
  return Number.parseInt(process.versions.node, 10) >= major
}

import { once } from 'node:events'
import { createServer, type ListenOptions, type Server } from 'node:net'

/** Below what Linux gives to outgoing connections and to those who listen on any port (32,768 and above). */
const [FIRST, COUNT] = [25_000, 6_000]
const MAX_TRIES = 200

let next = Math.floor(Math.random() * COUNT)

/**
 * A port of the loopback address that is free, and that no other call gives, in this process or another one, for as long
 * as this process runs. Who only looks for a free one can lose it before anything listens on it.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const port = FIRST + (next++ % COUNT)
    if (await claimPort(port)) return port
  }
  throw new Error(`none of ${MAX_TRIES} ports is free`)
}

/** False when somebody has it. An abstract socket tells the others; it is gone with this process. */
export async function claimPort(port: number): Promise<boolean> {
  const guard = process.platform === 'linux' ? await listen({ path: `\0meltemi-test-port-${port}` }) : createServer()
  const probe = guard && (await listen({ host: '127.0.0.1', port }))
  if (probe) await closed(probe)
  else guard?.close()
  return probe !== undefined
}

async function listen(options: ListenOptions): Promise<Server | undefined> {
  const server = createServer().listen(options).unref()
  return once(server, 'listening').then(
    () => server,
    () => undefined,
  )
}

async function closed(server: Server): Promise<void> {
  server.close()
  await once(server, 'close')
}

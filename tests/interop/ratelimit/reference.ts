/** The rate limit service of Envoy's own project, in Go. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, RateLimitClient } from '../../harness/index.ts'
import { eventually } from './redis-process.ts'

const SERVER = fileURLToPath(new URL('./gen/peer', import.meta.url))
const CHECK = fileURLToPath(new URL('./gen/config-check', import.meta.url))

export class ReferenceProcess implements AsyncDisposable {
  readonly port: number
  readonly #metricsPort: number
  readonly #child: ChildProcess
  readonly #folder: string

  constructor(child: ChildProcess, folder: string, port: number, metricsPort: number) {
    this.#child = child
    this.#folder = folder
    this.port = port
    this.#metricsPort = metricsPort
  }

  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#metricsPort}/metrics`)).text()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit')
      this.#child.kill('SIGKILL')
      await ended
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Resolves when it answers. */
export async function startReference(
  rules: Readonly<Record<string, string>>,
  redisPort: number,
): Promise<ReferenceProcess> {
  if (!existsSync(SERVER)) throw new Error('run scripts/setup-interop.sh ratelimit first')
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-rls-'))
  const config = join(folder, 'ratelimit', 'config')
  mkdirSync(config, { recursive: true })
  for (const [name, text] of Object.entries(rules)) writeFileSync(join(config, name), text)
  const [grpc, http, debug, prometheus] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
  const env = {
    PATH: process.env['PATH'],
    LOG_LEVEL: 'error',
    ...{ HOST: '127.0.0.1', PORT: String(http), DEBUG_HOST: '127.0.0.1', DEBUG_PORT: String(debug) },
    ...{ GRPC_HOST: '127.0.0.1', GRPC_PORT: String(grpc) },
    ...{ USE_STATSD: 'false', USE_PROMETHEUS: 'true', PROMETHEUS_ADDR: `127.0.0.1:${prometheus}` },
    STATS_FLUSH_INTERVAL: '100ms',
    ...{ REDIS_SOCKET_TYPE: 'tcp', REDIS_TYPE: 'SINGLE', REDIS_URL: `127.0.0.1:${redisPort}` },
    ...{ RUNTIME_ROOT: folder, RUNTIME_SUBDIRECTORY: 'ratelimit', RUNTIME_WATCH_ROOT: 'false' },
  }
  const child = spawn(SERVER, [], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  child.stderr?.on('data', (chunk) => {
    errors += String(chunk)
  })
  const killWithUs = () => child.kill('SIGKILL')
  process.once('exit', killWithUs)
  child.once('exit', () => process.removeListener('exit', killWithUs))
  using client = new RateLimitClient(grpc)
  const request = { domain: 'is it there', descriptors: [{ entries: [{ key: 'a', value: 'b' }] }] }
  await eventually(
    async () => 'overall' in (await client.outcome(request)),
    () => `the reference does not start: ${errors}`,
  )
  return new ReferenceProcess(child, folder, grpc, prometheus)
}

/** Whether the reference takes these files. */
export function referenceAccepts(rules: Readonly<Record<string, string>>): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-rls-'))
  try {
    for (const [name, text] of Object.entries(rules)) writeFileSync(join(folder, name), text)
    const { status, stdout, stderr } = spawnSync(CHECK, ['-config_dir', folder], { encoding: 'utf8' })
    if (status === null) throw new Error(`no judgement: ${stdout}${stderr}`)
    return status === 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Real redis-servers. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { findProgram } from '../../../benchmarks/peers/find-program.ts'
import { freePort } from '../../harness/index.ts'

const WAIT_MS = 30_000

/** One server; what it had in memory is gone when it is started again. */
export class RedisProcess implements AsyncDisposable {
  readonly port: number
  /** Where it runs. */
  readonly folder: string
  readonly #args: readonly string[]
  readonly #cliArgs: readonly string[]
  #child: ChildProcess | undefined

  constructor(port: number, args: readonly string[], cliArgs: readonly string[] = []) {
    this.port = port
    this.#args = args
    this.#cliArgs = cliArgs
    this.folder = mkdtempSync(join(tmpdir(), 'meltemi-redis-'))
  }

  /** Resolves when it answers. */
  async start(): Promise<this> {
    const program = findProgram('redis-server')
    if (program === undefined) throw new Error('there is no Redis: run scripts/setup-interop.sh redis')
    const config = join(this.folder, 'redis.conf')
    writeFileSync(config, this.#args.join('\n'), { flag: 'w' })
    const sentinel = this.#args.some((line) => line.startsWith('sentinel ')) ? ['--sentinel'] : []
    const log = openSync(join(this.folder, 'log'), 'a')
    const child = spawn(program, [config, ...sentinel], { cwd: this.folder, stdio: ['ignore', log, log] })
    closeSync(log)
    const killWithUs = () => child.kill('SIGKILL')
    process.once('exit', killWithUs)
    child.once('exit', () => process.removeListener('exit', killWithUs))
    this.#child = child
    await eventually(
      async () => child.exitCode !== null || this.cli('PING') === 'PONG',
      () => `redis does not start: ${this.log()}`,
    )
    if (child.exitCode !== null) throw new Error(`redis does not start: ${this.log()}`)
    return this
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8')
  }

  /** The answer of redis-cli, without its last line end. */
  cli(...args: readonly string[]): string {
    const program = findProgram('redis-cli') as string
    const { stdout } = spawnSync(program, ['-p', String(this.port), ...this.#cliArgs, ...args], { encoding: 'utf8' })
    return stdout.trimEnd()
  }

  /** As `cli`, without holding up what else goes on. */
  async run(...args: readonly string[]): Promise<void> {
    const program = findProgram('redis-cli') as string
    const child = spawn(program, ['-p', String(this.port), ...this.#cliArgs, ...args], { stdio: 'ignore' })
    const [code] = await once(child, 'exit')
    if (code !== 0) throw new Error(`redis-cli ${args.join(' ')} ended with ${code}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** `lines`: of its configuration, besides those that keep it to this machine and off the disk. */
export function startRedis(lines: readonly string[] = [], cliArgs: readonly string[] = []): Promise<RedisProcess> {
  return startAnywhere([...LOCAL, ...lines], cliArgs)
}

const LOCAL = ['bind 127.0.0.1', 'save ""', 'appendonly no', 'protected-mode no']

/** One that watches a master. */
export function startSentinel(masterPort: number): Promise<RedisProcess> {
  return startAnywhere([
    'bind 127.0.0.1',
    `sentinel monitor counters 127.0.0.1 ${masterPort} 2`,
    'sentinel down-after-milliseconds counters 500',
    'sentinel failover-timeout counters 3000',
  ])
}

/** A port that was free a moment ago may be taken now. */
async function startAnywhere(lines: readonly string[], cliArgs: readonly string[] = []): Promise<RedisProcess> {
  for (let tries = 1; ; tries++) {
    const port = await freePort()
    const redis = new RedisProcess(port, [`port ${port}`, ...lines], cliArgs)
    try {
      return await redis.start()
    } catch (error: unknown) {
      await redis[Symbol.asyncDispose]()
      if (tries === 5) throw error
    }
  }
}

/** Three masters that share the slots. */
export async function startCluster(): Promise<readonly RedisProcess[]> {
  const nodes = await Promise.all(
    Array.from({ length: 3 }, () =>
      startRedis(['cluster-enabled yes', 'cluster-node-timeout 1000', 'cluster-require-full-coverage no']),
    ),
  )
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
  const first = nodes[0] as RedisProcess
  first.cli('--cluster', 'create', ...addresses, '--cluster-yes')
  await eventually(
    async () => nodes.every((node) => node.cli('CLUSTER', 'INFO').includes('cluster_state:ok')),
    () => `no cluster: ${first.cli('CLUSTER', 'NODES')}`,
  )
  return nodes
}

/** Waits until something holds. */
export async function eventually(holds: () => Promise<boolean>, otherwise: () => string): Promise<void> {
  const endMs = performance.now() + WAIT_MS
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(otherwise())
    await setTimeout(20)
  }
}

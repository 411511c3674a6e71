/** A real Prometheus that scrapes what it is told, with the rules of deploy/prometheus. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ROOT } from '../../../scripts/workspace.ts'

const READY_MS = 20_000
const POLL_MS = 100

export interface ScrapeJob {
  readonly name: string
  /** `host:port`, of which `/stats/prometheus` is read. */
  readonly targets: readonly string[]
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [seconds: number, text: string]
}

interface RuleGroups {
  readonly groups: readonly {
    readonly rules: readonly { readonly name: string; readonly health: string; readonly lastError?: string }[]
  }[]
}

export class PrometheusServer implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #url: string
  readonly #folder: string

  constructor(child: ChildProcess, url: string, folder: string) {
    this.#child = child
    this.#url = url
    this.#folder = folder
  }

  /** Throws with what Prometheus says when it cannot evaluate the expression. */
  async query(expression: string): Promise<readonly Sample[]> {
    const data = (await this.#ask(`query?query=${encodeURIComponent(expression)}`)) as { result: readonly Sample[] }
    return data.result
  }

  async rules(): Promise<RuleGroups['groups'][number]['rules']> {
    return ((await this.#ask('rules')) as RuleGroups).groups.flatMap(({ rules }) => rules)
  }

  async ready(): Promise<void> {
    const endMs = performance.now() + READY_MS
    while (!(await isReady(this.#url))) {
      if (performance.now() > endMs || this.#child.exitCode !== null) throw new Error('prometheus does not get ready')
      await sleep(POLL_MS)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill('SIGTERM')
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #ask(path: string): Promise<unknown> {
    const reply = await fetch(`${this.#url}/api/v1/${path}`, { headers: { connection: 'close' } })
    const answer = (await reply.json()) as { status: string; data: unknown; error?: string }
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}`)
    return answer.data
  }
}

/** Scrapes each second, on this port of loopback. */
export async function startPrometheus(port: number, jobs: readonly ScrapeJob[]): Promise<PrometheusServer> {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-prometheus-'))
  const file = join(folder, 'prometheus.yml')
  writeFileSync(file, JSON.stringify(configuration(jobs)))
  const options = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=error',
  ]
  const child = spawn(programOf('prometheus'), options, { stdio: ['ignore', 'ignore', 'inherit'] })
  const server = new PrometheusServer(child, `http://127.0.0.1:${port}`, folder)
  try {
    await server.ready()
    return server
  } catch (error: unknown) {
    await server[Symbol.asyncDispose]()
    throw error
  }
}

/** Runs promtool; what it says, and its exit code. */
export function promtool(args: readonly string[], input = ''): { readonly code: number | null; readonly said: string } {
  const { status, stdout, stderr, error } = spawnSync(programOf('promtool'), args, { input, encoding: 'utf8' })
  if (error !== undefined) throw error
  return { code: status, said: `${stdout}${stderr}` }
}

export function programOf(name: 'prometheus' | 'promtool'): string {
  return join(ROOT, '.tmp/bin', name)
}

function configuration(jobs: readonly ScrapeJob[]): unknown {
  return {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [join(ROOT, 'deploy/prometheus/*.yaml')],
    scrape_configs: jobs.map(({ name, targets }) => ({
      job_name: name,
      metrics_path: '/stats/prometheus',
      static_configs: [{ targets }],
    })),
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const reply = await fetch(`${url}/-/ready`, { headers: { connection: 'close' } })
    await reply.arrayBuffer()
    return reply.ok
  } catch {
    return false
  }
}

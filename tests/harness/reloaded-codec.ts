/** `meltemi proxy` with a codec whose files a test changes, and what tells which generation serves. */

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { ResponseStatus } from '@meltemi/sdk'
import { awesomerpcFrame } from './awesomerpc-frame.ts'
import type { EchoServer } from './echo-server.ts'
import { type ProxyProcess, startProxyProcess } from './proxy-process.ts'
import { connectClient } from './raw-client.ts'

const TMP = join(import.meta.dirname, '../../.tmp')
/** Requests with this command have a route in generation `two` only. */
export const ASK = 7
export const BAD = 66
/** Ends the worker that reads it, with any version. */
export const DIE = 67

/** What decode does besides, in a codec that is awesomerpc otherwise; the helper names the version to routes. */
export function codecSource(besides = '', first = ''): string {
  return `
    import { awesomerpc } from '@meltemi/codecs/awesomerpc'
    import type { CodecDefinition } from '@meltemi/sdk'
    import { generation } from './generation.ts'
    const kept: unknown[] = []
    export const codecs: CodecDefinition[] = [{ ...awesomerpc, name: 'test.reloaded', create(side, config) {
      const codec = awesomerpc.create(side, config)
      const { decode } = codec
      codec.decode = (buffer, metadata) => {
        ${first}
        const status = decode.call(codec, buffer, metadata)
        if (side === 'downstream' && status === 1) {
          metadata.set('generation', generation)
          const command = Number(metadata.get('cmd'))
          if (command === ${DIE}) setImmediate(() => process.exit(7))
          ${besides}
        }
        return status
      }
      return codec
    } }]`
}

mkdirSync(TMP, { recursive: true })

/** A codec of two files that a test changes. */
export class CodecFolder {
  readonly path = mkdtempSync(join(TMP, 'reload-'))
  readonly codec = join(this.path, 'codec.ts')

  constructor() {
    after(() => rmSync(this.path, { recursive: true, force: true }))
    this.write('generation.ts', "export const generation = 'one'")
    this.write('codec.ts', codecSource())
  }

  /** As editors do it: a new file takes the place of the old one. */
  write(name: string, text: string): void {
    const file = join(this.path, name)
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
}

const routes = [
  {
    name: 'two',
    match: {
      metadata: [
        { name: 'cmd', string_match: { exact: String(ASK) } },
        { name: 'generation', string_match: { exact: 'two' } },
      ],
    },
    route: { cluster: 'service' },
  },
  {
    name: 'others',
    match: { metadata: [{ name: 'cmd', string_match: { exact: String(ASK) }, invert_match: true }] },
    route: { cluster: 'service' },
  },
]

/** Two workers. */
export function startReloadable(
  folder: CodecFolder,
  server: EchoServer,
  ...more: readonly string[]
): Promise<ProxyProcess> {
  return startProxyProcess({
    codec: 'test.reloaded',
    endpoints: [server.port],
    filter: { route_config: { name: 'routes', routes } },
    arguments: ['--module', folder.codec, '--log-level', 'warn', '--concurrency', '2', ...more],
  })
}

/** Which generation a new connection is served by; none while the proxy sheds load. */
export async function generation(proxy: ProxyProcess): Promise<'one' | 'two' | 'none'> {
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: 5000 })
  const reply = await client.request(awesomerpcFrame({ id: 1, cmd: ASK })).catch(() => undefined)
  if (reply === undefined) return 'none'
  return reply.status === ResponseStatus.Ok ? 'two' : 'one'
}

/** Of many connections, so of both workers. */
export async function generations(proxy: ProxyProcess): Promise<string> {
  const all = await Promise.all(Array.from({ length: 16 }, () => generation(proxy)))
  return [...new Set(all)].sort().join()
}

/** Milliseconds that it took. */
export async function until(condition: () => Promise<boolean>, withinMs: number): Promise<number> {
  const startedMs = performance.now()
  while (!(await condition())) {
    if (performance.now() - startedMs > withinMs) throw new Error(`not within ${withinMs} ms`)
    await sleep(10)
  }
  return performance.now() - startedMs
}

interface Report {
  readonly modules: readonly {
    readonly module: string
    readonly version: number
    readonly digest: string
    readonly previous: readonly unknown[]
    readonly refused: { readonly faults: readonly string[] } | null
  }[]
}

export async function reportOf(proxy: ProxyProcess): Promise<Report['modules'][number]> {
  const { modules } = JSON.parse((await proxy.get('/codecs')).text) as Report
  const found = modules.find(({ module }) => module.endsWith('codec.ts'))
  assert.ok(found)
  return found
}

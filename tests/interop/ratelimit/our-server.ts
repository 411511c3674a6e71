/** `meltemi ratelimit` as users start it. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MeltemiProcess } from '../../harness/index.ts'

export class OurServer implements AsyncDisposable {
  readonly process: MeltemiProcess
  readonly folder: string
  port = 0
  adminPort = 0

  constructor(rules: Readonly<Record<string, string>>, args: readonly string[]) {
    this.folder = mkdtempSync(join(tmpdir(), 'meltemi-rules-'))
    for (const [name, text] of Object.entries(rules)) writeFileSync(join(this.folder, name), text)
    const addresses = ['--address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0']
    this.process = new MeltemiProcess(['ratelimit', '-c', this.folder, ...addresses, ...args])
  }

  async ready(): Promise<this> {
    const [, grpc, admin] = await this.process.said(/ready: gRPC 127\.0\.0\.1:(\d+), pages http:\/\/127\.0\.0\.1:(\d+)/)
    this.port = Number(grpc)
    this.adminPort = Number(admin)
    return this
  }

  async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const reply = await fetch(`http://127.0.0.1:${this.adminPort}${path}`, { headers: { connection: 'close' } })
    return { status: reply.status, text: await reply.text() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export function startOurServer(
  rules: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<OurServer> {
  return new OurServer(rules, args).ready()
}

/** Starts the control plane that is made of go-control-plane. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('./gen/peer', import.meta.url))
const WAIT_MS = 20_000

/** What a client asked or answered, as the peer saw it. */
export interface PeerEvent {
  readonly Kind: 'open' | 'ask' | 'ack' | 'nack' | 'port'
  readonly Delta: boolean
  readonly Type: string
  readonly Node: string
  readonly Names: readonly string[] | null
  readonly Version: string
  readonly Nonce: string
  readonly Error: string
  readonly Port: number
}

/** What every client of this node shall have. */
export interface PeerSnapshot {
  readonly version: string
  readonly clusters?: readonly Uint8Array[]
  readonly endpoints?: readonly Uint8Array[]
  readonly listeners?: readonly Uint8Array[]
  readonly routes?: readonly Uint8Array[]
}

export class ControlPlanePeer implements AsyncDisposable {
  readonly events: PeerEvent[] = []
  readonly #child: ChildProcess
  #stderr = ''

  constructor(child: ChildProcess) {
    this.#child = child
    child.stderr?.on('data', (chunk) => {
      this.#stderr += String(chunk)
    })
    if (child.stdout !== null) {
      createInterface(child.stdout).on('line', (line) => this.events.push(JSON.parse(line) as PeerEvent))
    }
  }

  get port(): number {
    return this.events.find(({ Kind }) => Kind === 'port')?.Port ?? 0
  }

  set(node: string, snapshot: PeerSnapshot): void {
    const base64 = (all: readonly Uint8Array[] = []) => all.map((bytes) => Buffer.from(bytes).toString('base64'))
    const { version, clusters, endpoints, listeners, routes } = snapshot
    const line = {
      Node: node,
      Version: version,
      Clusters: base64(clusters),
      Endpoints: base64(endpoints),
      Listeners: base64(listeners),
      Routes: base64(routes),
    }
    this.#child.stdin?.write(`${JSON.stringify(line)}\n`)
  }

  /** The first event from the `from`th on that is meant. */
  async event(isMeant: (event: PeerEvent) => boolean, what: string, from = 0): Promise<PeerEvent> {
    const endMs = performance.now() + WAIT_MS
    for (;;) {
      const found = this.events.slice(from).find(isMeant)
      if (found !== undefined) return found
      if (performance.now() > endMs || this.#child.exitCode !== null)
        throw new Error(`no ${what} in ${JSON.stringify(this.events.slice(from))} ${this.#stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }
}

/** `port` 0: any. */
export async function startPeer(port = 0): Promise<ControlPlanePeer> {
  if (!existsSync(PROGRAM)) throw new Error('run scripts/setup-interop.sh go_control_plane first')
  const peer = new ControlPlanePeer(spawn(PROGRAM, ['-port', String(port)], { stdio: ['pipe', 'pipe', 'pipe'] }))
  await peer.event(({ Kind }) => Kind === 'port', 'port')
  return peer
}

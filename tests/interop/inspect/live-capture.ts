/** Captures what passes on the loopback interface, with the programs that people use for it. It takes root. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'

const READY_MS = 10_000
const COMPLETE_MS = 20_000
const POLL_MS = 100
/** What each says when it has begun. */
const BEGUN = /^(?:File: |.*listening on )/

/** dumpcap writes pcapng; tcpdump pcap, and on the pseudo-interface `any` the cooked form of it. */
export type Recorder = 'dumpcap' | 'tcpdump' | 'tcpdump any'

export class LiveCapture {
  readonly file: string
  readonly #child: ChildProcess

  private constructor(file: string, child: ChildProcess) {
    this.file = file
    this.#child = child
  }

  /** Rejects when the recorder does not begin. */
  static async start(recorder: Recorder, file: string, port: number): Promise<LiveCapture> {
    const child = spawn(...commandOf(recorder, file, `tcp port ${port}`), { stdio: ['ignore', 'ignore', 'pipe'] })
    const errors: string[] = []
    const begun = new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stderr! }).on('line', (line) => {
        errors.push(line)
        if (BEGUN.test(line)) resolve()
      })
      child.once('error', () => reject(new Error(`${recorder} is missing: run scripts/setup-interop.sh tshark`)))
      child.once('exit', () => reject(new Error(`${recorder} ended: ${errors.join(' ')}`)))
      AbortSignal.timeout(READY_MS).onabort = () => reject(new Error(`${recorder} does not begin: ${errors.join(' ')}`))
    })
    await begun
    return new LiveCapture(file, child)
  }

  /** Ends when so many connections have closed, as the file tells: the kernel hands packets on with delay. */
  async finish(connections: number): Promise<void> {
    const deadline = Date.now() + COMPLETE_MS
    while (countFins(this.file) < 2 * connections) {
      if (Date.now() > deadline) throw new Error(`the ends of ${connections} connections are not in ${this.file}`)
      await setTimeout(POLL_MS)
    }
    this.#child.kill('SIGINT')
    await once(this.#child, 'exit')
  }
}

function commandOf(recorder: Recorder, file: string, filter: string): [string, string[]] {
  // large buffers, else packets of a burst are dropped
  if (recorder === 'dumpcap') return ['dumpcap', ['-q', '-B', '64', '-i', 'lo', '-f', filter, '-w', file]]
  const device = recorder === 'tcpdump' ? 'lo' : 'any'
  return ['tcpdump', ['-B', '65536', '-U', '-n', '-s', '0', '-i', device, '-w', file, '-Z', 'root', filter]]
}

/** Repeated ones not counted: on `any` every packet is seen twice. */
function countFins(file: string): number {
  const args = ['-r', file, '-Y', 'tcp.flags.fin == 1', '-T', 'fields', '-e', 'tcp.stream', '-e', 'tcp.srcport']
  // while the file is being written its last packet may be incomplete, and tshark says so by its exit code
  const lines = execFileSync('sh', ['-c', 'tshark "$@" 2>/dev/null || true', 'sh', ...args], { encoding: 'utf8' })
  return new Set(lines.split('\n').filter((line) => line !== '')).size
}

/** `meltemi control-plane` as a process of its own. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MeltemiProcess } from './meltemi-process.ts'

export interface ControlPlaneProcessOptions {
  /** With the resources; or a kubeconfig, of the cluster that has them. */
  readonly folder: string | { readonly kubeconfig: string }
  /** An empty one, for the token. */
  readonly runtimeFolder: string
  /** 0: any. The same again for one that comes back. */
  readonly xdsPort?: number
  readonly arguments?: readonly string[]
  readonly nodeArgs?: readonly string[]
}

export interface ControlPlaneProcess extends AsyncDisposable {
  readonly process: MeltemiProcess
  readonly pid: number
  readonly xdsPort: number
  /** Without a slash at its end. */
  readonly apiUrl: string
  readonly token: string
}

/** Resolves when it serves. */
export async function startControlPlaneProcess(options: ControlPlaneProcessOptions): Promise<ControlPlaneProcess> {
  const { folder, runtimeFolder, xdsPort = 0, nodeArgs = [] } = options
  const tokenFile = join(runtimeFolder, 'token')
  const addresses = ['--xds-address', `127.0.0.1:${xdsPort}`, '--api-address', '127.0.0.1:0', '--token-file', tokenFile]
  const resources = typeof folder === 'string' ? [folder] : ['--kubernetes', '--kubeconfig', folder.kubeconfig]
  const args = ['control-plane', ...resources, ...addresses, '--log-level', 'warn', ...(options.arguments ?? [])]
  const process = new MeltemiProcess(args, { nodeArgs })
  try {
    const [, apiUrl = '', port] = await process.said(/^ready: page and API (\S+)\/ .*xDS 127\.0\.0\.1:(\d+)$/m)
    const token = readFileSync(tokenFile, 'utf8').trim()
    const pid = process.child.pid ?? 0
    const dispose = () => process[Symbol.asyncDispose]()
    return { process, pid, xdsPort: Number(port), apiUrl, token, [Symbol.asyncDispose]: dispose }
  } catch (error: unknown) {
    await process[Symbol.asyncDispose]()
    throw error
  }
}

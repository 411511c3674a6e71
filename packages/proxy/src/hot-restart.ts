import { type ChildProcess, spawn } from 'node:child_process'
import type { SocketAddress } from '@meltemi/api/model'
import type { InheritedSocket } from './net/inheritance.ts'

/** Tells a process what it inherits. */
const VARIABLE = 'MELTEMI_HOT_RESTART'
/** stdin, stdout, stderr, and the channel on which the successor says that it serves. */
const FIRST_FD = 4
const LIVE = 'live'
/** A control plane may be slow, but not that slow. */
const START_MS = 120_000

/** What a process hands on to the one that takes its place. */
export interface Estate {
  readonly sockets: readonly InheritedSocket[]
  readonly admin: { readonly address: SocketAddress; readonly fd: number }
}

/**
 * What this process was started with by one that it is to take the place of; undefined: it was started otherwise. Asked
 * once: children of this process inherit nothing by themselves.
 */
export function takeEstate(): Estate | undefined {
  const text = process.env[VARIABLE]
  delete process.env[VARIABLE]
  return text === undefined || process.send === undefined ? undefined : (JSON.parse(text) as Estate)
}

/** This process serves: the one before it may go. */
export function tellPredecessor(): void {
  process.send?.(LIVE, () => {
    if (process.connected) process.disconnect()
  })
}

/**
 * Starts this very program anew, from what lies on the disk now, with the sockets that listen. Resolves with its process id
 * once it serves; rejects when it ends before, takes too long, or `signal` ends it, and then nothing has changed.
 */
export function startSuccessor({ sockets, admin }: Estate, signal: AbortSignal): Promise<number> {
  const there: Estate = {
    sockets: sockets.map((socket, at) => ({ ...socket, fd: FIRST_FD + at })),
    admin: { ...admin, fd: FIRST_FD + sockets.length },
  }
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc', ...sockets.map(({ fd }) => fd), admin.fd],
    env: { ...process.env, [VARIABLE]: JSON.stringify(there) },
    signal,
    killSignal: 'SIGKILL',
  })
  return untilLive(child)
}

function untilLive(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`it did not serve within ${START_MS / 1000} s`))
    }, START_MS)
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      reject(new Error(`it ended with ${signal ?? `exit code ${code}`}`))
    })
    child.on('message', (message) => {
      if (message !== LIVE) return
      clearTimeout(timer)
      child.unref()
      resolve(child.pid as number)
    })
  })
}

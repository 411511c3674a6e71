import { once } from 'node:events'
import { unlinkSync } from 'node:fs'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'

const CLOSE_TIMEOUT_MS = 1_000
/** Takes all rights on the socket's file from everybody else. */
const OWNER_ONLY = 0o177

export type AdminAddress =
  | { readonly host: string; readonly port: number }
  /** A unix socket, for this user only; main thread only. */
  | { readonly socketPath: string }
  /** A socket that listens already. */
  | { readonly fd: number }

/** Rejects when the address cannot be had. */
export async function listen(server: Server, address: AdminAddress): Promise<void> {
  if (!('socketPath' in address)) {
    server.listen('fd' in address ? { fd: address.fd } : { host: address.host, port: address.port })
    await once(server, 'listening')
    return
  }
  // A process that was killed leaves the file of its socket behind.
  if (await isStale(address.socketPath)) unlinkSync(address.socketPath)
  const before = process.umask(OWNER_ONLY)
  try {
    server.listen({ path: address.socketPath })
  } finally {
    process.umask(before)
  }
  await once(server, 'listening')
}

/** Lets replies under way finish, for up to a second. */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS)
  await closed
  clearTimeout(timer)
}

/** Answers what is no HTTP. */
export function refuseBadBytes(socket: Duplex, code: string | undefined): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const status = code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy())
}

async function isStale(socketPath: string): Promise<boolean> {
  const probe = connect(socketPath)
  try {
    await once(probe, 'connect')
    return false
  } catch (error: unknown) {
    return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
  } finally {
    probe.destroy()
  }
}

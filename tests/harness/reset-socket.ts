import type { Socket } from 'node:net'

/**
 * Ends both directions with RST; with FIN where that is on its way already: there Node's `resetAndDestroy` fails, keeps the
 * socket for ever, and with it the process.
 */
export function resetSocket(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

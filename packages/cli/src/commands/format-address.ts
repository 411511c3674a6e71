import type { SocketAddress } from '@meltemi/api'

/** `127.0.0.1:80` or `[::1]:80`. */
export function formatHostPort({ host, port }: SocketAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The URL of the first page there. */
export function formatHttp(address: SocketAddress): string {
  return `http://${formatHostPort(address)}/`
}

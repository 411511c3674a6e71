import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

export interface GuardOptions {
  /** Names besides `localhost` and IP addresses by which the server may be called. */
  readonly allowedHosts: readonly string[]
  /** Stands in for the content type on changes, as `Authorization: Bearer …`. */
  readonly token: string | undefined
}

export interface Refusal {
  readonly status: number
  readonly reason: string
}

/**
 * A web page that an operator has open in a browser can send requests to the loopback address. A name that was made to
 * resolve there shows in Host, a foreign page in Origin, and a plain form cannot send JSON.
 */
export function findRefusal(request: IncomingMessage, options: GuardOptions): Refusal | undefined {
  const foreign = findForeignPage(request, options.allowedHosts)
  if (foreign !== undefined) return foreign
  if (request.method === 'POST' && !isJson(request) && !hasToken(request, options.token)) {
    return { status: 415, reason: 'a change needs the header "content-type: application/json"' }
  }
  return undefined
}

/** The part of it that reads need as well as changes: the request comes from no web page but the server's own. */
export function findForeignPage(request: IncomingMessage, allowedHosts: readonly string[]): Refusal | undefined {
  const { host, origin } = request.headers
  if (host !== undefined && !isAllowedHost(host, allowedHosts)) {
    return { status: 403, reason: 'the Host header must be an IP address or localhost' }
  }
  const site = request.headers['sec-fetch-site']
  if ((origin !== undefined && !isSameOrigin(origin, host)) || site === 'cross-site' || site === 'same-site') {
    return { status: 403, reason: 'requests from other web pages are not answered' }
  }
  return undefined
}

function isAllowedHost(host: string, allowedHosts: readonly string[]): boolean {
  const name = tryHostname(host)
  if (name === undefined) return false
  // An address cannot be made to point elsewhere, whichever one it is.
  return isIP(name) !== 0 || name === 'localhost' || allowedHosts.includes(name)
}

function tryHostname(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9._-]{1,253}))(?::\d{1,5})?$/i.exec(host)
  return (match?.[1] ?? match?.[2])?.toLowerCase()
}

function isSameOrigin(origin: string, host: string | undefined): boolean {
  return host !== undefined && origin.toLowerCase() === `http://${host.toLowerCase()}`
}

export function isJson(request: IncomingMessage): boolean {
  return /^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')
}

/** Compared in a time that tells nothing of the token; false when there is none. */
export function hasToken(request: IncomingMessage, token: string | undefined): boolean {
  const given = /^bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  return token !== undefined && given !== undefined && timingSafeEqual(digest(token), digest(given))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { SocketAddress } from '@meltemi/api'
import { type Counter, closeServer, type Logger, listen, type MetricRegistry, refuseBadBytes } from '@meltemi/runtime'
import { readBody } from '../admin/read-body.ts'
import { StatusError } from '../admin/status-error.ts'
import { type AdmissionRequest, type ReviewedObject, reviewResource } from './review-resource.ts'

export interface WebhookServerOptions {
  readonly address: SocketAddress
  readonly logger: Logger
  readonly metrics: MetricRegistry
}

/** In PEM. */
export interface ServingKey {
  readonly chain: string
  readonly privateKey: string
}

/** A resource has 1.5 MiB at most in etcd; an update comes with the one before. */
const MAX_BODY_BYTES = 4 * 1024 * 1024
/** Each may have sent a whole body: these are 128 MiB at most. More connections are dropped, and count as bad requests. */
const MAX_CONNECTIONS = 32
const TIMEOUT_MS = 10_000

/** Answers an API server's questions about resources, at `/validate`, over TLS. */
export class WebhookServer {
  readonly #options: WebhookServerOptions
  readonly #server: Server
  readonly #allowed: Counter
  readonly #refused: Counter
  readonly #bad: Counter

  constructor(options: WebhookServerOptions) {
    this.#options = options
    this.#allowed = options.metrics.counter('control_plane.webhook_allowed')
    this.#refused = options.metrics.counter('control_plane.webhook_refused')
    this.#bad = options.metrics.counter('control_plane.webhook_bad_requests')
    const limits = { headersTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS, handshakeTimeout: TIMEOUT_MS }
    this.#server = createServer({ minVersion: 'TLSv1.2', ...limits }, (request, response) => {
      void this.#handle(request, response)
    })
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#server.setTimeout(3 * TIMEOUT_MS)
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseBadBytes(socket, error.code))
    this.#server.on('tlsClientError', () => this.#bad.add(1))
    this.#server.on('drop', () => this.#bad.add(1))
  }

  /** From now on; until there is one no handshake ends well. */
  use({ chain, privateKey }: ServingKey): void {
    this.#server.setSecureContext({ cert: chain, key: privateKey, minVersion: 'TLSv1.2' })
  }

  /** Resolves with the port; rejects when it cannot be had. */
  async listen(): Promise<number> {
    await listen(this.#server, this.#options.address)
    return (this.#server.address() as AddressInfo).port
  }

  close(): Promise<void> {
    return closeServer(this.#server)
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const review = await readReview(request)
      const answer = reviewResource(review)
      ;(answer.allowed ? this.#allowed : this.#refused).add(1)
      send(response, 200, { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer })
    } catch (error: unknown) {
      this.#bad.add(1)
      const isOurs = error instanceof StatusError
      if (!isOurs) this.#options.logger.error('a review failed', { error })
      const { status } = isOurs ? error : new StatusError(500, 'InternalError', 'the review failed')
      send(response, status.code, status)
      if (!request.complete) request.destroy()
    }
  }
}

async function readReview(request: IncomingMessage): Promise<AdmissionRequest> {
  const { url = '', method, headers } = request
  if (url.replace(/\?.*/, '') !== '/validate') throw new StatusError(404, 'NotFound', 'only /validate is here')
  if (method !== 'POST') throw new StatusError(405, 'MethodNotAllowed', 'reviews are asked for by POST')
  if (!/^application\/json\b/.test(headers['content-type'] ?? ''))
    throw new StatusError(415, 'UnsupportedMediaType', 'the content type should be application/json')
  return parseReview(await readBody(request, MAX_BODY_BYTES))
}

/** Throws a StatusError when it is no review of an object as API servers have them. */
function parseReview(text: string): AdmissionRequest {
  const { request } = parse(text)
  if (!isObject(request) || typeof request['uid'] !== 'string' || !isObject(request['kind']))
    throw new StatusError(400, 'BadRequest', 'the body is no AdmissionReview')
  const { uid, operation, kind } = request
  const { group, version, kind: name } = kind
  return {
    uid,
    operation: String(operation),
    kind: { group: String(group), version: String(version), kind: String(name) },
    object: objectOf(request, 'object'),
    oldObject: objectOf(request, 'oldObject'),
  }
}

/** What is in its spec is looked at later. */
function objectOf(request: Readonly<Record<string, unknown>>, field: string): ReviewedObject | null {
  const object = request[field] ?? null
  if (object === null || isReviewed(object)) return object
  throw new StatusError(400, 'BadRequest', `request.${field} is no object of Kubernetes`)
}

/** The API server has seen to what is in its metadata. */
function isReviewed(value: unknown): value is ReviewedObject {
  return isObject(value) && isObject(value['metadata'])
}

function parse(text: string): Readonly<Record<string, unknown>> {
  if (text === '') throw new StatusError(400, 'BadRequest', 'there is no body')
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : {}
  } catch {
    throw new StatusError(400, 'BadRequest', 'the body is no JSON')
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function send(response: ServerResponse, status: number, body: object): void {
  response.statusCode = status
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(body))
}

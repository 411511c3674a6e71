/** Everything that the API refuses, as Kubernetes says it: a `Status` object with a reason for programs. */

import type { Problem } from '@meltemi/api'

/** `Status` as it stands in the JSON. */
export interface StatusObject {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: Readonly<Record<string, never>>
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  /** For programs: `NotFound`, `Conflict`, `Invalid` … */
  readonly reason?: string
  readonly details?: StatusDetails
  /** As of the reply. */
  readonly code: number
}

export interface StatusDetails {
  readonly name?: string
  readonly group?: string
  /** The plural, except with `Invalid`, where it is the kind. */
  readonly kind?: string
  readonly causes?: readonly StatusCause[]
}

export interface StatusCause {
  readonly reason: string
  readonly message: string
  /** For example `spec.routes[0].route[0].weight`. */
  readonly field: string
}

/** Of which kind the thing is that cannot be had. */
export interface StatusSubject {
  readonly group: string
  readonly plural: string
  readonly kind: string
}

/** Ends a request; whoever answers it sends `status` with its code. */
export class StatusError extends Error {
  override readonly name = 'StatusError'
  readonly status: StatusObject

  constructor(code: number, reason: string, message: string, details: StatusDetails = {}) {
    super(message)
    this.status = failure(code, reason, message, details)
  }
}

export function notFound(subject: StatusSubject, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${resourceName(subject)} "${name}" not found`, detailsOf(subject, name))
}

export function alreadyExists(subject: StatusSubject, name: string): StatusError {
  const message = `${resourceName(subject)} "${name}" already exists`
  return new StatusError(409, 'AlreadyExists', message, detailsOf(subject, name))
}

/** The object is not the one that the change was made for. */
export function conflict(subject: StatusSubject, name: string): StatusError {
  const why = 'the object has been modified; please apply your changes to the latest version and try again'
  const message = `Operation cannot be fulfilled on ${resourceName(subject)} "${name}": ${why}`
  return new StatusError(409, 'Conflict', message, detailsOf(subject, name))
}

export function invalid(subject: StatusSubject, name: string, causes: readonly StatusCause[]): StatusError {
  const what = subject.group === '' ? subject.kind : `${subject.kind}.${subject.group}`
  const lines = causes.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`))
  const text = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`
  const details = { name, group: subject.group, kind: subject.kind, causes }
  return new StatusError(422, 'Invalid', `${what} "${name}" is invalid: ${text}`, details)
}

export function causeOf({ code = 'invalid-value', path, message, fix }: Problem): StatusCause {
  return { reason: code, field: path, message: fix === undefined ? message : `${message}; ${fix}` }
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message)
}

export function noSuchPath(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource')
}

/** What is watched from is too long ago: list, and watch from there. */
export function expired(message: string): StatusError {
  return new StatusError(410, 'Expired', message)
}

/** Nothing has changed; the same again later may work. */
export function unavailable(message: string): StatusError {
  return new StatusError(503, 'ServiceUnavailable', message)
}

export function success(details: StatusDetails): StatusObject {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details, code: 200 }
}

/** `metarouters.metaprotocol.aeraki.io`; without a group the plural alone. */
export function resourceName({ plural, group }: StatusSubject): string {
  return group === '' ? plural : `${plural}.${group}`
}

function failure(code: number, reason: string, message: string, details: StatusDetails): StatusObject {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, details, code }
}

function detailsOf({ group, plural }: StatusSubject, name: string): StatusDetails {
  return { name, group, kind: plural }
}

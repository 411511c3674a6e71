import { CommandError } from '../command-error.ts'

/** A `Status` of Kubernetes as far as it is shown. */
export interface StatusObject {
  readonly kind: 'Status'
  readonly code: number
  readonly message: string
  readonly reason: string
  readonly details?: {
    readonly name?: string
    readonly kind?: string
    readonly causes?: readonly { readonly field: string; readonly message: string }[]
  }
}

/** What a control plane refused; printed as kubectl does. */
export class ServerError extends CommandError {
  readonly status: StatusObject

  constructor(status: StatusObject, options: { readonly exitCode?: number } = {}) {
    super(linesOf(status), { isVerbatim: true, ...options })
    this.status = status
  }
}

export function isStatusObject(value: unknown): value is StatusObject {
  if (typeof value !== 'object' || value === null) return false
  const { kind, message, reason, code } = value as Partial<Record<keyof StatusObject, unknown>>
  return kind === 'Status' && typeof message === 'string' && typeof reason === 'string' && typeof code === 'number'
}

/** True for an object that is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ServerError && error.status.reason === 'NotFound' && error.status.details?.name !== undefined
}

function linesOf({ reason, message, details }: StatusObject): readonly string[] {
  const causes = details?.causes ?? []
  if (reason !== 'Invalid' || causes.length === 0) return [`Error from server (${reason}): ${message}`]
  const head = `The ${details?.kind} "${details?.name}" is invalid:`
  const lines = causes.map(({ field, message: text }) => (field === '' ? text : `${field}: ${text}`))
  return lines.length === 1 ? [`${head} ${lines[0]}`] : [head, ...lines.map((line) => `* ${line}`)]
}

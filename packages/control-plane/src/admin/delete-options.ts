import { badRequest } from './status-error.ts'

export interface DeleteOptions {
  /** Empty: whichever it has. */
  readonly expectedVersion: string
  readonly isDryRun: boolean
}

/** What the body of a DELETE may say, as kubectl sends it; an empty one says nothing. Throws a StatusError. */
export function readDeleteOptions(body: string): DeleteOptions {
  if (body.trim() === '') return { expectedVersion: '', isDryRun: false }
  const options = tryParseObject(body)
  if (options === undefined) throw badRequest('the body: expected DeleteOptions as a JSON object')
  const { preconditions, dryRun } = options
  const version = isObject(preconditions) ? preconditions['resourceVersion'] : undefined
  return {
    expectedVersion: typeof version === 'string' ? version : '',
    isDryRun: Array.isArray(dryRun) && dryRun.includes('All'),
  }
}

/** Undefined: it is no JSON, or no object. */
export function tryParseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

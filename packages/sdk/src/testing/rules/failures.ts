import { ErrorType, type Failure } from '../../index.ts'

/** Every type, and one that a later version may bring. */
export const ERROR_TYPES: readonly ErrorType[] = [...Object.values(ErrorType), 99 as ErrorType]

/** Texts name clusters and hosts, so they can be of any length and hold whatever a configuration may say. */
export const ERROR_TEXTS: readonly string[] = ['no route for "ü"', 'line\r\nbreak $5', 'é'.repeat(300)]

export function failureOf(type: ErrorType, message: string = ERROR_TEXTS[0] as string): Failure {
  return { code: 'test', type, message, source: 'proxy', retriable: 'no' }
}

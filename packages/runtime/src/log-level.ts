/** Levels by the names that Envoy's admin interface uses. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'] as const

export type LogLevel = (typeof LOG_LEVELS)[number]

/** Also takes the common `warn` and `fatal`; undefined for anything else. */
export function tryParseLogLevel(text: string): LogLevel | undefined {
  const name = text.toLowerCase()
  if (name === 'warn') return 'warning'
  if (name === 'fatal') return 'critical'
  return LOG_LEVELS.find((level) => level === name)
}

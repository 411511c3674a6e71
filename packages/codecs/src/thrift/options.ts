/** What can be configured of this codec. */

import { type Dialect, findDialect } from './frame.ts'

export interface ThriftOptions {
  /**
   * Methods that get no reply although clients send them as calls, as those in Go do with one-way ones. Without this
   * they would count as unanswered, and a late error reply would be taken for the answer to another call.
   */
  readonly onewayMethods: ReadonlySet<string>
  /** A method without arguments that is called to see whether a host is well; undefined: there is none. */
  readonly healthCheck: HealthCheckCall | undefined
}

export interface HealthCheckCall {
  readonly method: string
  readonly dialect: Dialect
}

const DEFAULT_DIALECT = 'framed/binary'

/** Reads `{ oneway_methods: [name, …], health_check_method, health_check_dialect }`; undefined when nothing is configured. Every fault goes to `problem`. */
export function readOptions(config: unknown, problem: (text: string) => void): ThriftOptions | undefined {
  if (config === undefined) return undefined
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    problem('thrift options must be an object')
    return undefined
  }
  // the JSON form of protobuf has camel case, what users write has not
  const {
    '@type': _type,
    onewayMethods,
    oneway_methods: names = onewayMethods ?? [],
    healthCheckMethod,
    health_check_method: method = healthCheckMethod ?? '',
    healthCheckDialect,
    health_check_dialect: dialect = healthCheckDialect ?? '',
    ...others
  } = config as Record<string, unknown>
  for (const key of Object.keys(others)) problem(`unknown field '${key}'`)
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string' && name !== '')) {
    problem('oneway_methods must be a list of method names')
    return undefined
  }
  return { onewayMethods: new Set(names as string[]), healthCheck: readHealthCheck(method, dialect, problem) }
}

function readHealthCheck(
  method: unknown,
  dialect: unknown,
  problem: (text: string) => void,
): HealthCheckCall | undefined {
  if (typeof method !== 'string') problem('health_check_method must be the name of a method')
  const found = typeof dialect === 'string' ? findDialect(dialect === '' ? DEFAULT_DIALECT : dialect) : undefined
  if (found === undefined) problem('health_check_dialect must be a transport and a protocol: framed/binary for example')
  if (typeof method !== 'string' || found === undefined) return undefined
  if (method !== '') return { method, dialect: found }
  if (dialect !== '') problem('health_check_dialect needs a health_check_method')
  return undefined
}

/** What can be configured of this codec. */

export interface ThriftOptions {
  /**
   * Methods that get no reply although clients send them as calls, as those in Go do with one-way ones. Without this
   * they would count as unanswered, and a late error reply would be taken for the answer to another call.
   */
  readonly onewayMethods: ReadonlySet<string>
}

/** Reads `{ oneway_methods: [name, …] }`; undefined when nothing is configured. Every fault goes to `problem`. */
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
    ...others
  } = config as Record<string, unknown>
  for (const key of Object.keys(others)) problem(`unknown field '${key}'`)
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string' && name !== '')) {
    problem('oneway_methods must be a list of method names')
    return undefined
  }
  return { onewayMethods: new Set(names as string[]) }
}

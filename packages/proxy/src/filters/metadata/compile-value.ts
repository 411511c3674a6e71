import type { MetadataValue, NodeConfig } from '@meltemi/api/model'
import type { ConnectionInfo, FilterContext, Metadata } from '@meltemi/sdk'
import type { ProxyFilterHost } from '../proxy-filter.ts'

/** What a message is given; undefined: there is none. */
export type ValueReader = (message: Metadata, context: FilterContext) => string | undefined

/** Where the node says which variables of its environment messages may be given. */
const ENVIRONMENT_KEY = 'METADATA_ENVIRONMENT'

const CONNECTION_FACTS: ReadonlyMap<string, (connection: ConnectionInfo) => string> = new Map([
  ['remote_address', (connection) => connection.remoteAddress],
  ['remote_port', (connection) => String(connection.remotePort)],
  ['local_address', (connection) => connection.localAddress],
  ['local_port', (connection) => String(connection.localPort)],
])

/** What does not change is read once. Throws an Error for a variable of the environment that may not be read. */
export function compileValue({ source, name }: MetadataValue, host: ProxyFilterHost): ValueReader {
  switch (source) {
    case 'text':
      return constant(name)
    case 'metadata':
      return (message) => message.get(name)
    case 'request_metadata':
      return (_message, { request }) => request.get(name)
    case 'connection':
      return connectionReader(name)
    case 'environment':
      return constant(readVariable(name, host))
    case 'node':
      return constant(readNode(host.node, name))
    default:
      return source satisfies never
  }
}

function constant(value: string | undefined): ValueReader {
  return () => value
}

function connectionReader(name: string): ValueReader {
  const fact = CONNECTION_FACTS.get(name)
  if (fact !== undefined) return (_message, { connection }) => fact(connection)
  return (_message, { connection }) => connection.properties.get(name)
}

/** Only what the proxy's own bootstrap allows: who sends configuration is not to learn secrets by it. */
function readVariable(name: string, { node, listener }: ProxyFilterHost): string | undefined {
  const allowed = node.metadata[ENVIRONMENT_KEY]
  if (!Array.isArray(allowed) || !allowed.includes(name))
    throw new Error(
      `listener '${listener.name}': node.metadata.${ENVIRONMENT_KEY} does not list the variable '${name}'`,
    )
  return process.env[name]
}

/** Texts, numbers and booleans of the node's metadata; undefined for all else. */
function readNode({ id, cluster, metadata }: NodeConfig, path: string): string | undefined {
  if (path === 'id') return id
  if (path === 'cluster') return cluster
  let value: unknown = metadata
  for (const step of path.split('.').slice(1)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string, unknown>)[step]
  }
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : undefined
}

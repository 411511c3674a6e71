/** What the settings of a mesh say of every filter, in proto3 JSON. */

export interface MeshSettings {
  /** undefined: none is written. */
  readonly accessLog: MeshAccessLog | undefined
  /** Of requests that nobody decided about, in percent; undefined: nothing is traced. */
  readonly randomSampling: number | undefined
  /** The own one, then others by which its workloads are known too; default: `cluster.local`. */
  readonly trustDomains?: readonly string[]
}

export interface MeshAccessLog {
  readonly path: string
  readonly format:
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'json'; readonly json: Readonly<Record<string, unknown>> }
}

const FILE_ACCESS_LOG = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog'

/** Fields of a MetaProtocolProxy. */
export function meshFields({ accessLog, randomSampling }: MeshSettings): Readonly<Record<string, unknown>> {
  return {
    ...(randomSampling === undefined ? {} : { tracing: tracingOf(randomSampling) }),
    ...(accessLog === undefined ? {} : { accessLog: [accessLogOf(accessLog)] }),
  }
}

function tracingOf(randomSampling: number): Readonly<Record<string, unknown>> {
  return { clientSampling: percent(100), randomSampling: percent(randomSampling), overallSampling: percent(100) }
}

function percent(value: number): Readonly<Record<string, number>> {
  return value === 0 ? {} : { value }
}

function accessLogOf({ path, format }: MeshAccessLog): Readonly<Record<string, unknown>> {
  const logFormat =
    format.kind === 'text' ? { textFormatSource: { inlineString: format.text } } : { jsonFormat: format.json }
  return { name: 'envoy.access_loggers.file', typedConfig: { '@type': FILE_ACCESS_LOG, path, logFormat } }
}

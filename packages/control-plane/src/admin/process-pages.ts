/** `/ready`, `/version` and `/stats/prometheus`: what is asked of the process. */

import { formatPrometheus, type MetricReader, PROMETHEUS_CONTENT_TYPE } from '@meltemi/runtime'
import { type ApiHandler, type ApiReply, jsonReply } from './api-request.ts'
import type { Backend } from './backend.ts'

export interface ProcessParts {
  readonly backend: Backend
  readonly metrics: MetricReader
  readonly version: string
}

export function processHandler(parts: ProcessParts): ApiHandler {
  const pages: ReadonlyMap<string, () => ApiReply> = new Map([
    ['ready', () => readyReply(parts.backend.isReady())],
    ['version', () => jsonReply(versionOf(parts.version))],
    ['stats/prometheus', () => textReply(formatPrometheus(parts.metrics.read()), PROMETHEUS_CONTENT_TYPE)],
  ])
  return ({ method, path }) => (method === 'GET' ? pages.get(path.join('/'))?.() : undefined)
}

function readyReply(isReady: boolean): ApiReply {
  return {
    ...textReply(isReady ? 'ready\n' : 'the resources have not all been read yet\n'),
    status: isReady ? 200 : 503,
  }
}

function textReply(body: string, contentType = 'text/plain; charset=utf-8') {
  return { kind: 'body', status: 200, contentType, body } as const
}

/** With the names that kubectl looks for. */
function versionOf(version: string): unknown {
  const [major = '', minor = ''] = version.split('.')
  return { major, minor, gitVersion: `v${version}`, goVersion: '', platform: `${process.platform}/${process.arch}` }
}

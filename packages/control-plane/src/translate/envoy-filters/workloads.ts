import type { Service, ServiceEntry } from '@meltemi/api'
import type { ServiceView } from '../../store/world.ts'

const ANNOTATION = 'workloadSelector'
const DEFAULT_LABEL = 'app'

/** Labels of the workloads of a service, whose proxies get its inbound filter; none: nobody knows them. Throws for an annotation that cannot be read. */
export function selectorOf(origin: ServiceEntry | Service): Readonly<Record<string, string>> {
  if (origin.kind === 'Service') return origin.spec.selector ?? {}
  const { labels = {} } = origin.spec.workloadSelector ?? {}
  if (Object.keys(labels).length > 0) return labels
  const { annotations } = origin.metadata
  return Object.hasOwn(annotations, ANNOTATION) ? readAnnotation(annotations[ANNOTATION] ?? '') : {}
}

/** `value`, which is that of `app`, or `label: value`. */
function readAnnotation(text: string): Readonly<Record<string, string>> {
  const parts = text.replaceAll(' ', '').split(':')
  const [label = '', value = ''] = parts.length === 1 ? [DEFAULT_LABEL, ...parts] : parts
  if (parts.length <= 2 && label !== '' && value !== '') return { [label]: value }
  throw new TypeError(`annotation ${ANNOTATION}: expected "value" or "label: value", found ${JSON.stringify(text)}`)
}

/**
 * Where the workloads of a port listen, each number once, in order. None: the port has only a name there, and no workload
 * has said yet which number that is.
 */
export function workloadPorts({ origin, endpoints }: ServiceView, port: number): readonly number[] {
  const target = targetOf(origin, port)
  const found = new Set(endpoints.flatMap(({ ports }) => ports.get(port) ?? []))
  // what a Service says holds for all of its workloads; those of a ServiceEntry may each say otherwise
  if (typeof target === 'number' && (origin.kind === 'Service' || found.size === 0)) return [target]
  return [...found].sort((a, b) => a - b)
}

function targetOf(origin: ServiceEntry | Service, port: number): number | string {
  const target =
    origin.kind === 'Service'
      ? origin.spec.ports?.find((each) => each.port === port)?.targetPort
      : origin.spec.ports?.find(({ number }) => number === port)?.targetPort
  return target === undefined || target === 0 ? port : target
}

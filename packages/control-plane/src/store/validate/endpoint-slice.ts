import type { EndpointSlice, ResourceProblems } from '@meltemi/api/resource'
import type { Loose } from './loose.ts'

const SERVICE_NAME = 'kubernetes.io/service-name'

export function checkEndpointSlice({ metadata }: Loose<EndpointSlice>, problems: ResourceProblems): void {
  if (Object.hasOwn(metadata?.labels ?? {}, SERVICE_NAME)) return
  const message = `without the label ${SERVICE_NAME} it belongs to no service`
  problems.warning({ code: 'no-effect', path: ['metadata', 'labels'], message, fix: 'name the service there' })
}

import type { Locality } from '@meltemi/api'
import { ownValue } from './own-value.ts'

type Labels = Readonly<Record<string, string>>

/** Of Istio: stands for all else that is said of a workload's place. */
const ISTIO_LABEL = 'istio-locality'
const REGION = 'topology.kubernetes.io/region'
const ZONE = 'topology.kubernetes.io/zone'
const SUBZONE = 'topology.istio.io/subzone'

/** What else may be known of where a workload runs. */
interface Known {
  /** `region/zone/subzone`. */
  readonly path?: string | undefined
  readonly zone?: string | null | undefined
}

/** Where a workload runs, by its labels, its own word or its zone; undefined: nobody says. */
export function workloadLocality(labels: Labels, { path, zone }: Known): Locality | undefined {
  const label = ownValue(labels, ISTIO_LABEL) ?? ''
  // labels cannot have slashes in them
  if (label !== '') return parseLocality(label.includes('/') ? label : label.replaceAll('.', '/'))
  if (path !== undefined && path !== '') return parseLocality(path)
  const locality = {
    region: ownValue(labels, REGION) ?? '',
    zone: zone || (ownValue(labels, ZONE) ?? ''),
    subZone: ownValue(labels, SUBZONE) ?? '',
  }
  return Object.values(locality).some((part) => part !== '') ? locality : undefined
}

function parseLocality(path: string): Locality {
  const [region = '', zone = '', ...rest] = path.split('/')
  return { region, zone, subZone: rest.join('/') }
}

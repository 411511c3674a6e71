import { sourceKey } from '@meltemi/api/model'
import type { ResourceType } from '@meltemi/api/xds'
import type { VersionOf } from '../config/configure.ts'
import type { HeldResources } from './held-resources.ts'
import type { WantedConfig } from './wanted-config.ts'

/** What the control plane calls the versions of what it sent, by the names that the data plane knows. */
export function versionsIn(held: HeldResources, wanted: WantedConfig): VersionOf {
  return (kind, name) => {
    switch (kind) {
      case 'cluster':
      case 'listener':
        return versionIn(held, kind, () => name)
      case 'endpoints': {
        const eds = wanted.clusters.get(name)?.eds
        return versionIn(held, 'endpoint', (source) =>
          eds !== undefined && sourceKey(eds.source) === source ? eds.serviceName : '',
        )
      }
      case 'routes':
        return versionIn(held, 'route', (source) =>
          name.startsWith(`${source}/`) ? name.slice(source.length + 1) : '',
        )
      default:
        return kind satisfies never
    }
  }
}

function versionIn(held: HeldResources, type: ResourceType, nameIn: (source: string) => string): string {
  for (const [source, { resources }] of held.all(type)) {
    const resource = resources.get(nameIn(source))
    if (resource !== undefined) return resource.version
  }
  return ''
}

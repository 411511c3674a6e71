import type { ServiceView } from '../../store/world.ts'
import { dubboInbound, dubboOutbound, dubboRoute, type InboundContext } from './dubbo-value.ts'
import type { FilterPort } from './filter-ports.ts'
import type { MeshSettings } from './mesh-settings.ts'
import { type NativeRoute, nativeRoutes } from './native-routes.ts'
import { thriftInbound, thriftOutbound, thriftRoute } from './thrift-value.ts'
import type { VirtualServiceIndex } from './virtual-service-index.ts'

/** What filters of Envoy's own protocols are made of, besides their service. */
export interface NativeInputs {
  /** Default: nobody knows them, so that what is in front of clients stays as it is. */
  readonly virtualServices?: VirtualServiceIndex | undefined
  /** Namespaces with policies for Dubbo that nobody can read, where what is in front of workloads stays as it is. */
  readonly doubtfulNamespaces?: ReadonlySet<string>
}

export interface NativeOptions extends NativeInputs {
  readonly mesh: MeshSettings
}

type Json = ReturnType<FilterPort['outbound']>

interface Native {
  readonly route: (route: NativeRoute) => Json
  readonly outbound: (view: ServiceView, port: number, routes: readonly Json[]) => Json
  readonly inbound: (context: InboundContext) => Json
}

const NATIVES: Readonly<Record<'dubbo' | 'thrift', Native>> = {
  dubbo: { route: dubboRoute, outbound: dubboOutbound, inbound: dubboInbound },
  thrift: {
    route: thriftRoute,
    outbound: thriftOutbound,
    inbound: ({ port, workloadPort }) => thriftInbound(port, workloadPort),
  },
}

/** A port of Dubbo or Thrift, whose calls Envoy itself routes. */
export function nativePort(
  kind: 'dubbo' | 'thrift',
  view: ServiceView,
  port: number,
  { mesh, virtualServices, doubtfulNamespaces }: NativeOptions,
): FilterPort {
  const native = NATIVES[kind]
  const found =
    virtualServices === undefined ? undefined : nativeRoutes({ host: view.host, port, virtualServices }, native.route)
  return {
    number: port,
    kind,
    notes: found?.notes ?? [],
    outbound: () => {
      if (found === undefined) throw new TypeError('its VirtualServices cannot be read')
      return native.outbound(view, port, found.routes)
    },
    inbound: (workloadPort) => {
      if (kind === 'dubbo' && doubtfulNamespaces?.has(view.namespace))
        throw new TypeError(`namespace ${view.namespace} has a DubboAuthorizationPolicy that is refused`)
      return native.inbound({ view, port, workloadPort, mesh })
    },
  }
}

import type { AdminRoute } from '@meltemi/runtime'
import type { ProxyInspector } from './inspector.ts'

export function drainListenersRoute(inspector: ProxyInspector): AdminRoute {
  return {
    method: 'POST',
    path: '/drain_listeners',
    description: 'accepts no more connections; those that exist finish what is under way',
    handle: () => {
      inspector.drainListeners()
      return { body: 'OK\n' }
    },
  }
}

import { type AdminRoute, badRequest } from '@meltemi/runtime'
import type { ProxyInspector } from './inspector.ts'

export function drainListenersRoute(inspector: ProxyInspector): AdminRoute {
  return {
    method: 'POST',
    path: '/drain_listeners',
    description: 'accepts no more connections; those that exist finish what is under way',
    handle: ({ query }) => {
      // whoever asks for inbound listeners only must not lose all
      if (query.size > 0)
        return badRequest('there are no parameters: all listeners are drained, and what is under way is finished')
      inspector.drainListeners()
      return { body: 'OK\n' }
    },
  }
}

import type { AdminRoute } from '@meltemi/runtime'
import type { ProxyInspector } from './inspector.ts'

export function quitRoute(inspector: ProxyInspector): AdminRoute {
  return {
    method: 'POST',
    path: '/quitquitquit',
    description: 'ends the process',
    handle: () => ({ body: 'OK\n', afterwards: () => inspector.quit() }),
  }
}

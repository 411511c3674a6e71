import type { AdminRoute } from '@meltemi/runtime'
import type { ProxyInspector } from './inspector.ts'

export function readyRoute(inspector: ProxyInspector): AdminRoute {
  return {
    method: 'GET',
    path: '/ready',
    description: '200 while the proxy is live, 503 before and while it drains',
    handle: () => ({ status: inspector.state() === 'LIVE' ? 200 : 503, body: `${inspector.state()}\n` }),
  }
}

import type { AdminRoute } from '@meltemi/runtime'
import type { ProxyInspector } from './inspector.ts'

/** For who wants a proxy out of the balance, and back, without an end of traffic. */
export function healthCheckRoutes(inspector: ProxyInspector): AdminRoute[] {
  const route = (what: string, isFailing: boolean, description: string): AdminRoute => ({
    method: 'POST',
    path: `/healthcheck/${what}`,
    description,
    handle: () => {
      inspector.setHealthCheck(isFailing)
      return { body: 'OK\n' }
    },
  })
  return [
    route('fail', true, '/ready says 503 from now on; traffic goes on'),
    route('ok', false, '/ready says again what is the case'),
  ]
}

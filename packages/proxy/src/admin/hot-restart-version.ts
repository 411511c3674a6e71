import type { AdminRoute } from '@meltemi/runtime'

/** What Envoy says where it cannot be restarted under its connections. */
export function hotRestartVersionRoute(): AdminRoute {
  return {
    method: 'GET',
    path: '/hot_restart_version',
    description: 'disabled: a new process does not take connections over, it listens beside the old one',
    handle: () => ({ body: 'disabled\n' }),
  }
}

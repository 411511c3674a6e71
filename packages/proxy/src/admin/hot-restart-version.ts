import type { AdminRoute } from '@meltemi/runtime'

/** What Envoy says where it speaks no protocol with the process before it; ours is in hot-restart.ts. */
export function hotRestartVersionRoute(): AdminRoute {
  return {
    method: 'GET',
    path: '/hot_restart_version',
    description: 'disabled: there is no version to agree on, see hot restart in docs/operations.md',
    handle: () => ({ body: 'disabled\n' }),
  }
}

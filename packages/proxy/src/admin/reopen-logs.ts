import type { AdminRoute } from '@meltemi/runtime'
import type { ProxyInspector } from './inspector.ts'

export function reopenLogsRoute(inspector: ProxyInspector): AdminRoute {
  return {
    method: 'POST',
    path: '/reopen_logs',
    description: 'access logs that were renamed get new files under their names',
    handle: () => {
      inspector.reopenLogs()
      return { body: 'OK\n' }
    },
  }
}

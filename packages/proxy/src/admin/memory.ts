import { type AdminRoute, jsonReply } from '@meltemi/runtime'
import type { ProxyInspector } from './inspector.ts'

/** Heap figures are the main thread's; what counts against the limit is the whole process. */
export function memoryRoute(inspector: ProxyInspector): AdminRoute {
  return {
    method: 'GET',
    path: '/memory',
    description: 'memory in bytes, its limit and the overload level',
    handle: () => {
      const usage = process.memoryUsage()
      const { limitBytes, overloadLevel } = inspector.memory()
      return jsonReply({
        process: String(usage.rss),
        process_limit: String(limitBytes),
        overload_level: overloadLevel,
        allocated: String(usage.heapUsed),
        heap_size: String(usage.heapTotal),
        external: String(usage.external),
        array_buffers: String(usage.arrayBuffers),
      })
    },
  }
}

import { type AdminRoute, jsonReply } from '@meltemi/runtime'
import type { ProxyInspector } from './inspector.ts'

/** The heaps of all threads, by Envoy's names; what counts against the limit is the whole process. */
export function memoryRoute(inspector: ProxyInspector): AdminRoute {
  return {
    method: 'GET',
    path: '/memory',
    description: 'memory in bytes, its limit and the overload level',
    handle: () => {
      const { limitBytes, overloadLevel, allocatedBytes, heapBytes } = inspector.memory()
      const usage = process.memoryUsage()
      return jsonReply({
        allocated: String(allocatedBytes),
        heap_size: String(heapBytes),
        total_physical_bytes: String(usage.rss),
        process: String(usage.rss),
        process_limit: String(limitBytes),
        overload_level: overloadLevel,
        main_thread: {
          allocated: String(usage.heapUsed),
          heap_size: String(usage.heapTotal),
          external: String(usage.external),
          array_buffers: String(usage.arrayBuffers),
        },
      })
    },
  }
}

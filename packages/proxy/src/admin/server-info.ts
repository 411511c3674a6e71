import { type AdminRoute, jsonReply, redact } from '@meltemi/runtime'
import type { ProxyInspector } from './inspector.ts'

export function serverInfoRoute(inspector: ProxyInspector): AdminRoute {
  return {
    method: 'GET',
    path: '/server_info',
    description: 'version, state, uptime, node and options',
    handle: () => {
      const uptime = `${Math.max(0, Math.floor((Date.now() - inspector.startedAtMs) / 1000))}s`
      const info = {
        version: inspector.version,
        runtime: `node ${process.version}`,
        state: inspector.state(),
        uptime_current_epoch: uptime,
        uptime_all_epochs: uptime,
        hot_restart_version: 'disabled',
        command_line_options: inspector.commandLineOptions,
        node: inspector.live.config.node,
      }
      return jsonReply(redact(info))
    },
  }
}

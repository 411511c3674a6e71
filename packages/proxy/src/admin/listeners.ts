import { type AdminRoute, badRequest, jsonReply } from '@meltemi/runtime'
import { formatAddress } from '../util/format-address.ts'
import type { ProxyInspector } from './inspector.ts'
import { socketAddressJson } from './socket-address-json.ts'

export function listenersRoute(inspector: ProxyInspector): AdminRoute {
  return {
    method: 'GET',
    path: '/listeners',
    description: 'listeners and their addresses; ?format=json',
    handle: ({ query }) => {
      const listeners = [...inspector.live.listeners.values()].map(
        ({ config: { name, address } }) => [name, formatAddress(address.host, address.port)] as const,
      )
      const format = query.get('format') ?? 'text'
      if (format === 'text') return { body: listeners.map(([name, address]) => `${name}::${address}\n`).join('') }
      if (format !== 'json') return badRequest('format must be text or json')
      const statuses = listeners.map(([name, address]) => ({ name, local_address: socketAddressJson(address) }))
      return jsonReply({ listener_statuses: statuses })
    },
  }
}

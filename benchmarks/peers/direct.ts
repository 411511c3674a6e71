// No proxy at all: what the load and the backend cost by themselves.

import type { Peer } from './peer.ts'

export const direct: Peer = {
  name: 'direct',
  version: () => 'no proxy',
  async start({ backendPort }) {
    return {
      name: 'direct',
      port: backendPort,
      pids: () => [],
      crashed: new Promise<never>(() => {}),
      stop: async () => {},
    }
  },
}

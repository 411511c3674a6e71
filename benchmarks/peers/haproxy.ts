// HAProxy in TCP mode, one thread.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, readVersion } from './find-program.ts'
import { findFreePort, type Peer, startPeer } from './peer.ts'

export const haproxy: Peer = {
  name: 'HAProxy tcp',
  version: () => readVersion(findProgram('haproxy'), ['-v'], /version (\S+)/),
  async start({ backendPort, folder }) {
    const port = await findFreePort()
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(file, config(port, backendPort))
    return startPeer({ name: haproxy.name, command: findProgram('haproxy')!, args: ['-db', '-f', file], port, folder })
  },
}

const config = (port: number, backendPort: number): string => `
global
  nbthread 1
  maxconn 8000
defaults
  mode tcp
  timeout connect 5s
  timeout client 300s
  timeout server 300s
listen benchmark
  bind 127.0.0.1:${port} backlog 4096
  server backend 127.0.0.1:${backendPort}
`

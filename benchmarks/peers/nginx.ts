// nginx as a TCP proxy (`stream`), one worker.

import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, readVersion } from './find-program.ts'
import { findFreePort, type Peer, startPeer } from './peer.ts'

const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so'

export const nginx: Peer = {
  name: 'nginx stream',
  version: () => readVersion(findProgram('nginx'), ['-v'], /nginx\/(\S+)/),
  async start({ backendPort, folder }) {
    const port = await findFreePort()
    const file = join(folder, 'nginx.conf')
    writeFileSync(file, config(port, backendPort, folder))
    const args = ['-p', folder, '-e', join(folder, 'error.log'), '-c', file]
    return startPeer({ name: nginx.name, command: findProgram('nginx')!, args, port, folder })
  },
}

const config = (port: number, backendPort: number, folder: string): string => `
${existsSync(STREAM_MODULE) ? `load_module ${STREAM_MODULE};` : ''}
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${join(folder, 'nginx.pid')};
error_log ${join(folder, 'error.log')} warn;
events { worker_connections 16000; }
stream {
  server {
    listen 127.0.0.1:${port} backlog=4096;
    proxy_pass 127.0.0.1:${backendPort};
  }
}
`

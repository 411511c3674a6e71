/** A sample server of my-protocol: greets whoever is named in the request, and says which version of it that was. */

import { createServer, type Server } from 'node:net'
import { packMessage, readMessages } from './messages.ts'

/** Does not listen yet. */
export function createSampleServer(version: string): Server {
  return createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy()) // the client is gone
    readMessages(socket, (request) => {
      socket.write(packMessage({ ...request, text: `hello ${request.text} from ${version}` }))
    })
  })
}

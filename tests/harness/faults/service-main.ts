/** An honest service in a process of its own: `service-main.ts PROTOCOL PORT`. Says its port when it listens. */

import { delayed } from '../behaviours.ts'
import { startEchoServer } from '../echo-server.ts'
import { FOUR_PROTOCOLS } from '../four-protocols.ts'

/** So that requests are under way when something happens to it. */
const DELAY_MS = 3
/** A short queue is soon full. */
const BACKLOG = 16

const [name, port] = process.argv.slice(2)
const protocol = FOUR_PROTOCOLS.find((each) => each.name === name)
if (protocol === undefined) throw new Error(`there is no protocol ${name}`)
const { codec, answer } = protocol
const server = await startEchoServer({
  codec,
  answer,
  handler: delayed(DELAY_MS),
  port: Number(port),
  backlog: BACKLOG,
})
process.send?.(server.port)

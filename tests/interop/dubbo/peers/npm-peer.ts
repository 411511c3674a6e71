/** npm's `sofa-rpc-node` with `dubbo-remoting` as a peer; arguments and output as those of the Java peer, with fewer calls. */

import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

// they are installed apart from the project, and have no types
const require = createRequire(new URL('../gen/npm/package.json', import.meta.url))
const { RpcClient } = require('sofa-rpc-node').client
const { RpcServer } = require('sofa-rpc-node').server
const protocol = require('dubbo-remoting')

const SERVICE = 'meltemi.peer.Talk'
const TEXT = 'καλημέρα 😀'
const CROWD = 200
const NONE = () => {}
const logger = { info: NONE, warn: NONE, error: NONE, debug: NONE }
const java = (type: string, value: unknown) => ({ $class: type, $: value })
const string = (value: string) => java('java.lang.String', value)

type Invoke = (method: string, ...args: unknown[]) => Promise<unknown>

interface Consumer {
  ready(): Promise<void>
  invoke(method: string, args: readonly unknown[], options: object): Promise<unknown>
}

const [role, ...rest] = process.argv.slice(2)
const options = Object.fromEntries(rest.map((argument) => argument.split('=') as [string, string]))
if (role === 'server') await serve(Number(options['port']))
else await makeCalls()

async function serve(port: number): Promise<void> {
  let notes = 0
  const server = new RpcServer({ port, protocol, logger, version: '0.0.0', group: '' })
  server.addService(
    { interfaceName: SERVICE },
    {
      text: async (value: string) => string(value),
      number: async (value: unknown) => java('long', value),
      nothing: async () => null,
      note: async () => {
        notes++
        return null
      },
      notes: async () => java('int', notes),
      fail: async (name: string) => {
        throw new Error(`not found: ${name}`)
      },
    },
  )
  await server.start()
  process.stdout.write(`${port}\n`)
  process.stdin.resume()
  await once(process.stdin, 'end')
  process.exit(0)
}

async function makeCalls(): Promise<void> {
  const client = new RpcClient({ protocol, logger, version: '0.0.0', group: '' })
  const byPort = new Map<string, Invoke>()
  for await (const line of createInterface({ input: process.stdin })) {
    const [port = '', name = ''] = line.split(' ')
    const started = performance.now()
    let facts: object
    try {
      let invoke = byPort.get(port)
      if (invoke === undefined) {
        invoke = await connect(client, port)
        byPort.set(port, invoke)
      }
      facts = await CALLS[name]!(invoke)
    } catch (error: unknown) {
      const { name: exception, message } = error as Error
      facts = { exception, message }
    }
    process.stdout.write(`${JSON.stringify({ call: name, ms: performance.now() - started, ...facts })}\n`)
  }
  process.exit(0)
}

async function connect(client: { createConsumer(options: object): Consumer }, port: string): Promise<Invoke> {
  const consumer = client.createConsumer({ interfaceName: SERVICE, serverHost: `dubbo://127.0.0.1:${port}` })
  await consumer.ready()
  return (method, ...args) => consumer.invoke(method, args, { responseTimeout: 5000 })
}

const CALLS: Readonly<Record<string, (invoke: Invoke) => Promise<object>>> = {
  text: async (invoke) => ({ result: await invoke('text', string(TEXT)) }),
  number: async (invoke) => ({ result: String(await invoke('number', java('long', '9007199254740993'))) }),
  nothing: async (invoke) => ({ result: await invoke('nothing', string(TEXT)) }),
  fail: async (invoke) => ({ result: await invoke('fail', string('nobody')) }),
  crowd: async (invoke) => {
    const texts = Array.from({ length: CROWD }, (_, n) => `n${n}`)
    const results = await Promise.all(texts.map((text) => invoke('text', string(text))))
    return { right: results.filter((result, n) => result === texts[n]).length }
  },
}

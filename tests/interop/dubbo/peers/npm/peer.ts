/**
 * npm's `sofa-rpc-node` with `dubbo-remoting` as a peer; arguments and output as those of the Java peer, with fewer calls:
 * it has no call without an answer, its service has no answer that is null, and what its service throws is a status with a text.
 */

import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { TracedApp } from '../../../tracing/traced-app.ts'

// they are installed apart from the project, and have no types
const require = createRequire(new URL('../../gen/npm/package.json', import.meta.url))
const { RpcClient } = require('sofa-rpc-node').client
const RpcServer: new (options: object) => Serving = require('sofa-rpc-node').server.RpcServer
const protocol = require('dubbo-remoting')

const SERVICE = 'meltemi.peer.Talk'
const TEXT = 'καλημέρα 😀'
const LONG = 'y'.repeat(2000)
const CROWD = 200
/** What Dubbo says for none. */
const NO_VERSION = '0.0.0'
/** Without it Java sends no attachments with its answers. */
const PROTOCOL_VERSION = '2.0.2'
const NONE = () => {}
const logger = { info: NONE, warn: NONE, error: NONE, debug: NONE }
const java = (type: string, value: unknown) => ({ $class: type, $: value })
const string = (value: string) => java('java.lang.String', value)

type Pairs = Readonly<Record<string, unknown>>

interface Consumer {
  ready(): Promise<void>
  invoke(method: string, args: readonly unknown[], options: object): Promise<unknown>
  use(middleware: (context: { res: { responseProps?: Pairs } }, next: () => Promise<void>) => Promise<void>): void
}

interface Serving {
  on(event: 'error', listener: () => void): void
  addService(about: object, methods: object): void
  start(): Promise<void>
}

/** What was asked, as `this` of the methods of the service. */
interface Asked {
  readonly req: { readonly data: { readonly requestProps: Pairs } }
}

/** One service behind one port, in the ways to ask for it. */
class Caller {
  readonly #port: string
  readonly #consumers = new Map<string, Promise<Consumer>>()
  #answered: Pairs = {}

  constructor(port: string) {
    this.#port = port
  }

  /** What has come along with the last answer. */
  get answered(): Pairs {
    return this.#answered
  }

  async invoke(method: string, args: readonly unknown[], requestProps: Pairs = {}): Promise<unknown> {
    const consumer = await this.#consumer('', NO_VERSION)
    return consumer.invoke(method, args, { requestProps: { ...requestProps, dubbo: PROTOCOL_VERSION } })
  }

  async invokeBlue(method: string, args: readonly unknown[]): Promise<unknown> {
    const consumer = await this.#consumer('blue', '2.0.0')
    return consumer.invoke(method, args, {})
  }

  #consumer(group: string, version: string): Promise<Consumer> {
    let consumer = this.#consumers.get(version)
    if (consumer === undefined) {
      consumer = this.#connect(group, version)
      this.#consumers.set(version, consumer)
    }
    return consumer
  }

  async #connect(group: string, version: string): Promise<Consumer> {
    const serverHost = `dubbo://127.0.0.1:${this.#port}`
    const consumer: Consumer = client.createConsumer({
      interfaceName: SERVICE,
      serverHost,
      group,
      version,
      responseTimeout: 5000,
    })
    consumer.use(async (context, next) => {
      await next()
      this.#answered = context.res.responseProps ?? {}
    })
    await consumer.ready()
    return consumer
  }
}

const CALLS: Readonly<Record<string, (to: Caller) => Promise<object>>> = {
  text: async (to) => ({ result: await to.invoke('text', [string(TEXT)]) }),
  blue: async (to) => ({ result: await to.invokeBlue('text', [string(TEXT)]) }),
  number: async (to) => ({ result: String(await to.invoke('number', [java('long', '9007199254740993')])) }),
  nothing: async (to) => ({ result: await to.invoke('nothing', [string(TEXT)]) }),
  fail: async (to) => ({ result: await to.invoke('fail', [string('nobody')]) }),
  crash: async (to) => ({ result: await to.invoke('crash', [string('why not')]) }),
  crowd: async (to) => {
    const texts = Array.from({ length: CROWD }, (_, n) => `n${n}`)
    const results = await Promise.all(texts.map((text) => to.invoke('text', [string(text)])))
    return { right: results.filter((result, n) => result === texts[n]).length }
  },
  traced: async (to) => {
    const app = traced('client')
    const { span, pairs } = app.ask('ask')
    const result = await to.invoke('traced', [string(TEXT)], pairs)
    span.end()
    await app.flush()
    return { result, traceId: span.spanContext().traceId }
  },
  attached: async (to) => {
    const keys = java('[java.lang.String', ['color', 'long', 'added', 'absent'])
    const found = (await to.invoke('attached', [keys], { color: 'blue 😀', long: LONG })) as Pairs
    const { long, ...sent } = found
    const { shade = null, 'answer-added': answerAdded = null } = to.answered
    return { sent, longIsWhole: long === LONG, answered: shade, answerAdded }
  },
}

class Server extends RpcServer {
  /** The library calls it, for the `this` of a method. */
  createContext(req: Asked['req']): Asked {
    return { req }
  }
}

async function serve(port: number): Promise<void> {
  const server = new Server({ port, protocol, logger })
  server.on('error', NONE)
  for (const [version, group, prefix] of [
    [NO_VERSION, '', ''],
    ['2.0.0', 'blue', 'blue '],
  ]) {
    server.addService({ interfaceName: SERVICE, version, group }, service(prefix as string))
  }
  await server.start()
  process.stdout.write(`${port}\n`)
  process.stdin.resume()
  await once(process.stdin, 'end')
  process.exit(0)
}

function service(prefix: string): object {
  return {
    text: async (value: string) => string(prefix + value),
    number: async (value: unknown) => java('long', value),
    fail: async (name: string) => {
      throw new Error(`not found: ${name}`)
    },
    async traced(this: Asked, value: string) {
      const app = traced('server')
      app.answer('answer', this.req.data.requestProps as Readonly<Record<string, string>>).end()
      await app.flush()
      return string(value)
    },
    async attached(this: Asked, keys: readonly string[]) {
      const { requestProps } = this.req.data
      return java(
        'java.util.HashMap',
        Object.fromEntries(keys.map((key) => [key, string(String(requestProps[key] ?? null))])),
      )
    },
  }
}

/** Its spans go to the collector that `spans` names. */
function traced(service: string): TracedApp {
  return new TracedApp(service, { kind: 'otlp', url: options['spans'] ?? '' })
}

async function makeCalls(): Promise<void> {
  const callers = new Map<string, Caller>()
  for await (const line of createInterface({ input: process.stdin })) {
    const [port = '', name = ''] = line.split(' ')
    const started = performance.now()
    let facts: object
    try {
      const known = callers.get(port)
      const caller = known ?? new Caller(port)
      if (known === undefined) callers.set(port, caller)
      facts = await CALLS[name]!(caller)
    } catch (error: unknown) {
      // not every exception that another library has written is made an Error
      const {
        name: exception = 'object',
        message,
        detailMessage,
      } = error as Partial<Error> & { detailMessage?: string }
      facts = { exception, message: message ?? detailMessage }
    }
    process.stdout.write(`${JSON.stringify({ call: name, ms: performance.now() - started, ...facts })}\n`)
  }
  process.exit(0)
}

const [role, ...rest] = process.argv.slice(2)
const options = Object.fromEntries(rest.map((argument) => argument.split('=') as [string, string]))
const heartbeatMs = Number(options['heartbeat'] ?? 30_000)
const client = new RpcClient({ protocol, logger, connectionOpts: { maxIdleTime: heartbeatMs } })
if (role === 'server') await serve(Number(options['port']))
else await makeCalls()

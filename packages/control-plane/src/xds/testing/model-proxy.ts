import assert from 'node:assert/strict'
import type { ResourceType } from '@meltemi/api/xds'
import { createLogger, LocalRegistry } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import { hasEverything } from '../resource-kinds.ts'
import { ResponseEncoder } from '../response-encoder.ts'
import { XdsMetrics } from '../xds-metrics.ts'
import type { ProxyStatus, Snapshot } from '../xds-resource.ts'
import type { XdsStreamHost, XdsTransport } from '../xds-stream.ts'

/** The types of a model proxy, and the type whose names they have, if it is not everything that is wanted. */
const PARENTS = { cluster: undefined, endpoint: 'cluster', listener: undefined, route: 'listener' } as const
type ModelType = keyof typeof PARENTS
const MODEL_TYPES = Object.keys(PARENTS) as readonly ModelType[]

export interface ModelResponse {
  readonly type: ModelType
  readonly nonce: string
  readonly versions: ReadonlyMap<string, string>
  readonly removed: readonly string[]
}

/** What the proxy says: what it wants from now on and, unless it is the first or a question, what it thinks of a response. */
export interface ModelRequest {
  readonly type: ModelType
  readonly names: ReadonlySet<string>
  readonly namesBefore: ReadonlySet<string>
  /** What it has; in the first request of a stream only. */
  readonly initial: ReadonlyMap<string, string> | undefined
  /** Of the last response that was answered; empty: none. */
  readonly nonce: string
  readonly isAnswer: boolean
  readonly isRejection: boolean
}

/** One of the two variants of the protocol. */
export interface ModelWire {
  readonly isDelta: boolean
  open(host: XdsStreamHost, transport: XdsTransport): ModelStream
  encode(request: ModelRequest): object
  decode(bytes: Uint8Array): ModelResponse
}

export interface ModelStream {
  onMessage(request: object): void
  onDrain(): void
  onClose(): void
  refresh(changedAtMs: number): void
  readonly status: ProxyStatus | undefined
}

/**
 * Both ends of a stream in one object, with a proxy that does what Envoy does: it takes responses in order, asks for all
 * clusters and listeners, and for the endpoints and routes of those it has. A version that begins with `bad` makes it
 * reject the whole response.
 */
export class ModelProxy {
  readonly has: Readonly<Record<ModelType, Map<string, string>>> = newMaps()
  /** Responses that brought nothing that the proxy did not have. */
  readonly needless: string[] = []
  snapshot: Snapshot
  readonly #wire: ModelWire
  /** As Envoy does, it answers clusters only when it has the endpoints of each that is new or different. */
  readonly #withholds: boolean
  /** The answer that is withheld. */
  #withheld: { readonly nonce: string; readonly missing: Set<string> } | undefined
  readonly #clock = new FakeClock()
  readonly #host: XdsStreamHost
  #stream: ModelStream
  #inbox: ModelResponse[] = []
  #unsent = 0
  #isBlocked = false
  readonly #names = new Map<ModelType, ReadonlySet<string>>()
  readonly #nonces = new Map<ModelType, string>()
  /** What came on this stream and was accepted, or was known at its beginning. */
  #known = newMaps()
  /** Clusters that have come, and wait for endpoints even if those are the same. */
  readonly #warming = new Set<string>()
  /** By type and name: was in a response that was rejected, so the server cannot know whether the proxy has it. */
  readonly #doubtful = new Set<string>()

  constructor(wire: ModelWire, snapshot: Snapshot, withholds = false) {
    this.#wire = wire
    this.#withholds = withholds
    this.snapshot = snapshot
    this.#host = {
      encoder: new ResponseEncoder(),
      metrics: new XdsMetrics(new LocalRegistry(() => {})),
      logger: createLogger({ level: 'off' }),
      clock: this.#clock,
      snapshotFor: () => this.snapshot,
      onStatus: () => {},
    }
    this.#stream = wire.open(this.#host, this.#transport())
    this.connect()
  }

  /** What the server says of it. */
  get status(): ProxyStatus | undefined {
    return this.#stream.status
  }

  /** Begins a new stream, with what the proxy has from the ones before. */
  connect(): void {
    this.#inbox = []
    this.#withheld = undefined
    this.#unsent = 0
    this.#known = newMaps()
    this.#nonces.clear()
    this.#doubtful.clear()
    this.#warming.clear()
    this.#stream.onClose()
    this.#stream = this.#wire.open(this.#host, this.#transport())
    for (const type of MODEL_TYPES) {
      const initial = new Map(this.has[type])
      if (this.#wire.isDelta) this.#known[type] = new Map(initial)
      const names = this.#wanted(type)
      this.#names.set(type, names)
      this.#say({ type, names, namesBefore: new Set(), initial, nonce: '', isAnswer: false, isRejection: false })
    }
  }

  change(snapshot: Snapshot): void {
    this.snapshot = snapshot
    this.#stream.refresh(0)
    this.#flush()
  }

  /** While blocked, the connection takes nothing more. */
  block(isBlocked: boolean): void {
    this.#isBlocked = isBlocked
    this.#flush()
  }

  /** Takes the next response and answers it; false: there is none. */
  answer(): boolean {
    const response = this.#inbox.shift()
    if (response === undefined) return false
    const { type, nonce, versions } = response
    const isRejection = [...versions.values()].some((version) => version.startsWith('bad'))
    const different = [...versions].filter(([name, version]) => this.has[type].get(name) !== version)
    if (isRejection) this.#reject(response)
    else this.#apply(response)
    this.#nonces.set(type, nonce)
    // It asks for what the response refers to before it answers.
    for (const child of MODEL_TYPES) if (PARENTS[child] === type) this.#follow(child)
    const missing = new Set(
      type === 'cluster' && this.#withholds && !isRejection ? different.map(([name]) => name) : [],
    )
    if (missing.size > 0) this.#withheld = { nonce, missing }
    else this.#reply(type, nonce, isRejection)
    if (type === 'endpoint') this.#warm([...versions.keys()])
    return true
  }

  #reply(type: ModelType, nonce: string, isRejection: boolean): void {
    const names = this.#names.get(type) ?? new Set()
    this.#say({ type, names, namesBefore: names, initial: undefined, nonce, isAnswer: true, isRejection })
  }

  #warm(names: readonly string[]): void {
    if (this.#withheld === undefined) return
    const { nonce, missing } = this.#withheld
    for (const name of names) missing.delete(name)
    if (missing.size > 0) return
    this.#withheld = undefined
    this.#reply('cluster', nonce, false)
  }

  /** Lets time pass. */
  wait(ms: number): void {
    this.#clock.advance(ms)
    this.#flush()
  }

  /** Answers until there is nothing to answer; `each`: after each answer. */
  settle(each: () => void = () => {}): void {
    this.block(false)
    for (let answers = 0; this.answer(); answers++) {
      assert.ok(answers < 500, 'there is no end to it')
      each()
    }
    assert.equal(this.#withheld, undefined, 'the proxy waits for endpoints that do not come')
  }

  #wanted(type: ModelType): ReadonlySet<string> {
    const parent = PARENTS[type]
    return new Set(parent === undefined ? [] : this.has[parent].keys())
  }

  #say(request: ModelRequest): void {
    this.#stream.onMessage(this.#wire.encode(request))
    this.#flush()
  }

  #flush(): void {
    while (this.#unsent > 0 && !this.#isBlocked) {
      this.#unsent = 0
      this.#stream.onDrain()
    }
  }

  #transport(): XdsTransport {
    const unsent = () => this.#unsent
    return {
      peer: 'model',
      get unsent() {
        return unsent()
      },
      write: (bytes) => {
        assert.equal(this.#unsent, 0, 'written although the connection takes nothing')
        this.#unsent = 1
        this.#receive(this.#wire.decode(bytes))
        return true
      },
      end: () => {},
      fail: ({ message }) => assert.fail(message),
    }
  }

  #receive(response: ModelResponse): void {
    const { type, versions } = response
    assert.ok(!this.#inbox.some((other) => other.type === type), `two unanswered responses of ${type}`)
    this.#judge(response)
    this.#inbox.push(response)
    if (type === 'endpoint') for (const name of versions.keys()) this.#warming.delete(name)
    if (type !== 'cluster') return
    for (const [name, version] of versions) {
      if (this.#isDoubtful(type, name) || this.#known.cluster.get(name) !== version) this.#warming.add(name)
    }
  }

  /** A full state is needless when it is the same, anything else for each part of it that is the same. */
  #judge({ type, versions, removed }: ModelResponse): void {
    const known = this.#known[type]
    const isExpected = (name: string) =>
      this.#isDoubtful(type, name) || (type === 'endpoint' && this.#warming.has(name))
    const same = [...versions.keys()].filter((name) => known.get(name) === versions.get(name) && !isExpected(name))
    const isFullState = hasEverything(type) && !this.#wire.isDelta
    const isSameState = same.length === versions.size && same.length === known.size && known.size > 0
    if (isFullState && isSameState) this.needless.push(`${type}: nothing is different`)
    if (!isFullState) for (const name of same) this.needless.push(`${type}: ${name} is the same`)
    for (const name of removed) {
      const isUseful = known.has(name) || this.#names.get(type)?.has(name) || this.#isDoubtful(type, name)
      if (!isUseful) this.needless.push(`${type}: ${name} was not there`)
    }
  }

  /** Some of it may have been taken all the same: of a full state also that something is not in it. */
  #reject({ type, versions, removed }: ModelResponse): void {
    const isFullState = hasEverything(type) && !this.#wire.isDelta
    const left = isFullState ? [...this.#known[type].keys()] : []
    for (const name of [...versions.keys(), ...removed, ...left]) this.#doubtful.add(`${type} ${name}`)
  }

  #apply({ type, versions, removed }: ModelResponse): void {
    const isFullState = hasEverything(type) && !this.#wire.isDelta
    for (const map of [this.has[type], this.#known[type]]) {
      const gone = isFullState ? [...map.keys()].filter((name) => !versions.has(name)) : removed
      for (const name of gone) map.delete(name)
      for (const [name, version] of versions) {
        if (PARENTS[type] === undefined || this.#names.get(type)?.has(name)) map.set(name, version)
      }
    }
    for (const name of [...versions.keys(), ...removed]) this.#doubtful.delete(`${type} ${name}`)
    if (!isFullState) return
    // whatever is not in it is gone for sure
    for (const key of this.#doubtful) if (key.startsWith(`${type} `)) this.#doubtful.delete(key)
  }

  #isDoubtful(type: ModelType, name: string): boolean {
    return this.#doubtful.has(`${type} ${name}`)
  }

  #follow(type: ModelType): void {
    const names = this.#wanted(type)
    const namesBefore = this.#names.get(type) ?? new Set()
    for (const name of namesBefore) {
      if (names.has(name)) continue
      this.has[type].delete(name)
      this.#known[type].delete(name)
    }
    this.#names.set(type, names)
    const isDifferent = names.size !== namesBefore.size || [...names].some((name) => !namesBefore.has(name))
    const nonce = this.#nonces.get(type) ?? ''
    if (isDifferent) {
      this.#say({ type, names, namesBefore, initial: undefined, nonce, isAnswer: false, isRejection: false })
    }
  }
}

function newMaps(): Record<ModelType, Map<string, string>> {
  return { cluster: new Map(), endpoint: new Map(), listener: new Map(), route: new Map() }
}

/** For those that are typed by all types. */
export function isModelType(type: ResourceType | undefined): type is ModelType {
  return type !== undefined && type in PARENTS
}

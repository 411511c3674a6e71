import type { ConnectionInfo } from '@meltemi/sdk'
import { KnownJumps } from './known-jumps.ts'

/**
 * Kinds of clients that have jumps of their own; those that come later share theirs. So there are as many KnownJumps of each
 * property as this and one more, each with its own limit: 4 MiB at most, when clients use up all values in each of them.
 */
const MAX_KINDS = 64

/** What tests lead to for clients about whom all of them say the same. */
export interface ClientKind {
  /** For each test about the client: the next one that is about something else. */
  readonly jumps: Int32Array
  /** Of each property. */
  readonly known: readonly KnownJumps[]
  /** Nobody else is in `known`, so what it knows may lead past tests about the client. */
  readonly isAlone: boolean
}

/** Kinds of clients, by their connections. */
export class KnownClients {
  readonly #byConnection = new WeakMap<ConnectionInfo, ClientKind>()
  readonly #byJumps = new Map<string, ClientKind>()
  readonly #tests: readonly number[]
  readonly #shared: readonly KnownJumps[]

  /** `tests`: how many there are on each property. */
  constructor(tests: readonly number[]) {
    this.#tests = tests
    this.#shared = this.#createKnown()
  }

  /** How many kinds have jumps of their own. */
  get size(): number {
    return this.#byJumps.size
  }

  /** undefined: it has not been here yet. */
  of(connection: ConnectionInfo): ClientKind | undefined {
    return this.#byConnection.get(connection)
  }

  /** The one that a connection is of from now on. */
  add(connection: ConnectionInfo, jumps: Int32Array): ClientKind {
    const kind = this.kindOf(jumps)
    this.#byConnection.set(connection, kind)
    return kind
  }

  /** By what the tests about it lead to. */
  kindOf(jumps: Int32Array): ClientKind {
    const key = jumps.join()
    const found = this.#byJumps.get(key)
    if (found !== undefined) return found
    if (this.#byJumps.size >= MAX_KINDS) return { jumps, known: this.#shared, isAlone: false }
    const kind = { jumps, known: this.#createKnown(), isAlone: true }
    this.#byJumps.set(key, kind)
    return kind
  }

  #createKnown(): readonly KnownJumps[] {
    return this.#tests.map((count) => new KnownJumps(count))
  }
}

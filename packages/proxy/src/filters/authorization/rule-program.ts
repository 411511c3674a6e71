import type { MetadataMatcher, RbacCondition, RbacPolicy } from '@meltemi/api/model'
import type { ConnectionInfo, Metadata } from '@meltemi/sdk'
import type { RecordedConnection } from '../../observe/record.ts'
import { CompiledMatcher } from '../../routing/match.ts'
import { type ClientCondition, compileClientCondition } from './client-condition.ts'
import { ClientFacts } from './client-facts.ts'
import { type ClientKind, KnownClients } from './known-clients.ts'
import { type KnownJumps, UNKNOWN } from './known-jumps.ts'

/** Where a program ends: nothing fits; below it, policy 0 fits, then 1, and so on. */
const NONE = -1
/** In the place of a property: it is the client that is asked about. */
const OF_CLIENT = -1

const NO_JUMPS: Int32Array = new Int32Array(0)

/*
 * All policies as one list of tests, each of which says where to go on:
 *
 *   (a and b) or not c          test   holds   does not
 *                               0  a     1       2
 *                               1  b    fits     2
 *                               2  c    none    fits
 *
 * So nothing is called but the tests that decide, and nothing is allocated. What a connection is asked has the same answers
 * for as long as it lives, so for each kind of client these tests are no more than ways on. Tests on the same property that
 * then follow each other are one jump for whoever comes with a value that has been there before. Each property of a request
 * is looked up once, however many tests there are on it.
 */
export class RuleProgram {
  readonly #onTrue: number[] = []
  readonly #onFalse: number[] = []
  /** Of each test: which of `#names` it is about, or the client. */
  readonly #columns: number[] = []
  /** Of each test: where it has its jump. */
  readonly #places: number[] = []
  readonly #matchers: (CompiledMatcher | null)[] = []
  readonly #clientTests: (((client: ClientFacts) => boolean) | null)[] = []
  /** Of properties, in lower case. */
  readonly #names: string[] = []
  /** How many there are on each property. */
  readonly #tests: number[] = []
  /** Of the request that is looked at, as far as they have been asked for: those whose number is that of the request. */
  readonly #values: (string | undefined)[] = []
  readonly #valuesOf: number[] = []
  readonly #jumps: Int32Array[] = []
  readonly #clients: KnownClients
  #lastConnection: ConnectionInfo | null = null
  #lastClient: ClientKind
  readonly #needsClient: boolean
  readonly #start: number
  #request = 0

  /** Throws for a pattern that RE2 does not accept. */
  constructor(policies: readonly RbacPolicy[]) {
    // from the last one to the first: where to go on must be known
    this.#start = policies.reduceRight((next, { condition }, index) => this.#add(condition, fits(index), next), NONE)
    this.#needsClient = this.#columns.includes(OF_CLIENT)
    this.#clients = new KnownClients(this.#tests)
    this.#lastClient = this.#clients.kindOf(NO_JUMPS)
  }

  /** Index of the first policy that fits; -1: none does. */
  firstMatch(request: Metadata, connection: RecordedConnection): number {
    if (this.#needsClient && connection !== this.#lastConnection) this.#meet(connection)
    const { known, isAlone } = this.#lastClient
    const at = isAlone ? this.#skipClient(this.#start) : this.#start
    if (at < 0) return NONE - 1 - at
    const column = this.#columns[at] as number
    if (column !== OF_CLIENT) {
      // most often one property decides, with a value that has been here before
      const jumps = (known[column] as KnownJumps).of(request.find(this.#names[column] as string))
      const next = jumps[this.#places[at] as number] as number
      if (next < 0) return NONE - 1 - next
    }
    return this.#run(at, request)
  }

  #run(from: number, request: Metadata): number {
    this.#request++
    let at = from
    while (at >= 0) {
      const column = this.#columns[at] as number
      if (column !== OF_CLIENT && this.#valuesOf[column] !== this.#request) this.#lookUp(column, request)
      const jumps = column === OF_CLIENT ? this.#lastClient.jumps : (this.#jumps[column] as Int32Array)
      const next = jumps[this.#places[at] as number] as number
      at = next === UNKNOWN ? this.#walk(at, column) : next
    }
    return NONE - 1 - at
  }

  #skipClient(at: number): number {
    return at >= 0 && this.#columns[at] === OF_CLIENT ? (this.#lastClient.jumps[at] as number) : at
  }

  #lookUp(column: number, request: Metadata): void {
    const value = request.find(this.#names[column] as string)
    this.#values[column] = value
    this.#jumps[column] = (this.#lastClient.known[column] as KnownJumps).of(value)
    this.#valuesOf[column] = this.#request
  }

  /** From test to test on one property, until it is another one's turn, or the end. */
  #walk(from: number, column: number): number {
    const value = this.#values[column]
    const { isAlone } = this.#lastClient
    let at = from
    do {
      at = this.#next(at, (this.#matchers[at] as CompiledMatcher).fits(value))
      if (isAlone) at = this.#skipClient(at)
    } while (at >= 0 && this.#columns[at] === column)
    ;(this.#jumps[column] as Int32Array)[this.#places[from] as number] = at
    return at
  }

  #next(at: number, holds: boolean): number {
    return (holds ? this.#onTrue[at] : this.#onFalse[at]) as number
  }

  #meet(connection: RecordedConnection): void {
    const known = this.#clients.of(connection)
    this.#lastClient = known ?? this.#clients.add(connection, this.#ask(new ClientFacts(connection)))
    this.#lastConnection = connection
  }

  /** Whatever a test leads to was added before it. */
  #ask(client: ClientFacts): Int32Array {
    const jumps = new Int32Array(this.#columns.length)
    for (let at = 0; at < jumps.length; at++) {
      const next = this.#next(at, this.#clientTests[at]?.(client) ?? false)
      jumps[at] = next >= 0 && this.#columns[next] === OF_CLIENT ? (jumps[next] as number) : next
    }
    return jumps
  }

  /** Returns where a condition begins that goes on to one of two places. */
  #add(condition: RbacCondition, whenTrue: number, whenFalse: number): number {
    switch (condition.kind) {
      case 'any':
        return whenTrue
      case 'not':
        return this.#add(condition.condition, whenFalse, whenTrue)
      case 'and':
        return condition.conditions.reduceRight((next, each) => this.#add(each, next, whenFalse), whenTrue)
      case 'or':
        return condition.conditions.reduceRight((next, each) => this.#add(each, whenTrue, next), whenFalse)
      default:
        this.#onTrue.push(whenTrue)
        this.#onFalse.push(whenFalse)
        return condition.kind === 'property' ? this.#addProperty(condition.matcher) : this.#addClient(condition)
    }
  }

  #addProperty(config: MetadataMatcher): number {
    const matcher = new CompiledMatcher(config)
    const column = this.#columnOf(matcher.name)
    const place = this.#tests[column] as number
    this.#tests[column] = place + 1
    this.#places.push(place)
    this.#columns.push(column)
    this.#clientTests.push(null)
    return this.#matchers.push(matcher) - 1
  }

  #addClient(condition: ClientCondition): number {
    this.#places.push(this.#columns.length)
    this.#columns.push(OF_CLIENT)
    this.#clientTests.push(compileClientCondition(condition))
    return this.#matchers.push(null) - 1
  }

  #columnOf(name: string): number {
    const known = this.#names.indexOf(name)
    if (known >= 0) return known
    this.#values.push(undefined)
    this.#valuesOf.push(0)
    this.#jumps.push(NO_JUMPS)
    this.#tests.push(0)
    return this.#names.push(name) - 1
  }
}

function fits(index: number): number {
  return NONE - 1 - index
}

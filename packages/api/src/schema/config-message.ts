import type { DescMessage } from '@bufbuild/protobuf'
import type { ConfigAny, ConfigField, ConfigValue } from './config-value.ts'
import type { ProblemList, Spot } from './problem-list.ts'

export interface MessageFields {
  readonly good: ReadonlyMap<string, ConfigField>
  /** Names of those whose value could not be read. */
  readonly broken: ReadonlySet<string>
}

/**
 * A message of a configuration with the place of every value. Reading a field marks it; what nobody has read in the end
 * is refused, so no setting can be accepted and ignored. Names are those of the .proto file.
 */
export class ConfigMessage implements Spot {
  readonly type: DescMessage
  readonly path: string
  readonly place: Spot['place']
  readonly problems: ProblemList
  readonly #fields: ReadonlyMap<string, ConfigField>
  readonly #broken: ReadonlySet<string>
  readonly #read = new Set<string>()
  readonly #refused = new Set<string>()
  #isHandedOver = false

  constructor(type: DescMessage, spot: Spot, fields: MessageFields, problems: ProblemList) {
    this.type = type
    this.path = spot.path
    this.place = spot.place
    this.problems = problems
    this.#fields = fields.good
    this.#broken = fields.broken
  }

  get fields(): ReadonlyMap<string, ConfigField> {
    return this.#fields
  }

  /** It is there, but its value was refused: there is a problem already. */
  isBroken(name: string): boolean {
    return this.#broken.has(name)
  }

  /** Does not count as reading. */
  has(name: string): boolean {
    return this.#fields.has(name)
  }

  isRead(name: string): boolean {
    return this.#read.has(name)
  }

  markRead(name: string): void {
    this.#read.add(name)
  }

  /** Somebody else takes all of it, as JSON, and checks it. */
  handOver(): void {
    this.#isHandedOver = true
  }

  get isHandedOver(): boolean {
    return this.#isHandedOver
  }

  text(name: string): string {
    const value = this.#take(name)
    return value?.kind === 'scalar' ? String(value.value) : ''
  }

  texts(name: string): readonly string[] {
    return this.#items(name).map((item) => (item.kind === 'scalar' ? String(item.value) : ''))
  }

  numbers(name: string): readonly number[] {
    return this.#items(name).map((item) => (item.kind === 'scalar' ? Number(item.value) : Number.NaN))
  }

  /** undefined: not set, which for a plain `bool` is also false. */
  flag(name: string): boolean | undefined {
    const value = this.#take(name)
    return value?.kind === 'scalar' ? value.value === true : undefined
  }

  number(name: string): number | undefined {
    const value = this.#take(name)
    return value?.kind === 'scalar' ? Number(value.value) : undefined
  }

  bigint(name: string): bigint | undefined {
    const value = this.#take(name)
    return value?.kind === 'scalar' ? BigInt(value.value) : undefined
  }

  /** Name of the enum's value; its first one when not set. */
  enumName(name: string): string {
    const value = this.#take(name)
    if (value?.kind === 'enum') return value.name
    const field = this.type.fields.find((each) => each.name === name)
    return field?.fieldKind === 'enum' ? (field.enum.values[0]?.name ?? '') : ''
  }

  enumNames(name: string): readonly string[] {
    return this.#items(name).flatMap((item) => (item.kind === 'enum' ? [item.name] : []))
  }

  /** Rounded up, so that no wait becomes none. `0s` is 0, which means disabled everywhere: a warning says so. */
  durationMs(name: string): number | undefined {
    const value = this.#take(name)
    if (value?.kind !== 'duration') return undefined
    if (value.nanos === 0n) this.problems.warning(value, `${value.text} disables ${name}`)
    return Number((value.nanos + 999_999n) / 1_000_000n)
  }

  /** With a fraction; 0 means 0. */
  exactMs(name: string): number | undefined {
    const value = this.#take(name)
    return value?.kind === 'duration' ? Number(value.nanos) / 1_000_000 : undefined
  }

  message(name: string): ConfigMessage | undefined {
    const value = this.#take(name)
    return value?.kind === 'message' ? value.message : undefined
  }

  messages(name: string): readonly ConfigMessage[] {
    return this.#items(name).flatMap((item) => (item.kind === 'message' ? [item.message] : []))
  }

  /** Of a map whose values are messages, by key. */
  messageMap(name: string): ReadonlyMap<string, ConfigMessage> {
    const value = this.#take(name)
    const entries = value?.kind === 'map' ? [...value.entries] : []
    return new Map(entries.flatMap(([key, entry]) => (entry.kind === 'message' ? [[key, entry.message]] : [])))
  }

  any(name: string): ConfigAny | undefined {
    const value = this.#take(name)
    return value?.kind === 'any' ? value : undefined
  }

  /** Of a list of Any. */
  anyItems(name: string): readonly ConfigAny[] {
    return this.#items(name).flatMap((item) => (item.kind === 'any' ? [item] : []))
  }

  /** Of a map whose values are Any, by key. */
  anys(name: string): ReadonlyMap<string, ConfigAny> {
    const value = this.#take(name)
    const entries = value?.kind === 'map' ? [...value.entries] : []
    return new Map(entries.flatMap(([key, entry]) => (entry.kind === 'any' ? [[key, entry]] : [])))
  }

  /** Of a map whose values are texts. */
  textMap(name: string): ReadonlyMap<string, string> {
    const value = this.#take(name)
    const entries = value?.kind === 'map' ? [...value.entries] : []
    return new Map(entries.flatMap(([key, entry]) => (entry.kind === 'scalar' ? [[key, String(entry.value)]] : [])))
  }

  json(name: string): unknown {
    const value = this.#take(name)
    return value?.kind === 'json' ? value.json : undefined
  }

  /** Of a map whose values are Struct, by key. */
  jsons(name: string): ReadonlyMap<string, unknown> {
    const value = this.#take(name)
    const entries = value?.kind === 'map' ? [...value.entries] : []
    return new Map(entries.flatMap(([key, entry]) => (entry.kind === 'json' ? [[key, entry.json]] : [])))
  }

  /** Where a field stands, or would stand. */
  spot(name: string): Spot {
    const path = this.path === '' ? name : `${this.path}.${name}`
    return this.#fields.get(name)?.value ?? { path, place: this.place }
  }

  /** Reports that a field is missing, unless it is there and wrong. */
  reportMissing(name: string): void {
    if (!this.#broken.has(name)) this.error(name, `${name} is required`)
  }

  /** Refuses a field whole: what is inside it is not looked at. */
  refuse(name: string, message: string): void {
    this.#refused.add(name)
    this.problems.refuse(this.spot(name), message)
  }

  isRefused(name: string): boolean {
    return this.#refused.has(name)
  }

  error(name: string, message: string): void {
    this.problems.error(this.spot(name), message)
  }

  warning(name: string, message: string): void {
    this.problems.warning(this.spot(name), message)
  }

  #take(name: string): ConfigValue | undefined {
    this.#read.add(name)
    return this.#fields.get(name)?.value
  }

  #items(name: string): readonly ConfigValue[] {
    const value = this.#take(name)
    return value?.kind === 'list' ? value.items : []
  }
}

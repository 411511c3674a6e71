/** Tries each field of each message in a configuration alone: does a reader notice it? */

import { isDeepStrictEqual } from 'node:util'
import type { DescField, DescMessage } from '@bufbuild/protobuf'
import type { Problem } from '../../model/index.ts'
import { parseScalar, WRAPPERS } from '../../schema/read-scalar.ts'
import type { NoOp } from '../../schema/refuse-unread.ts'
import { findMessageType, typeNameOf } from '../../schema/type-registry.ts'

export type Json = { [key: string]: unknown }

/** What is read, and how. */
export interface Subject {
  readonly root: DescMessage
  /** In which each accepted message occurs, with proto names; a fresh copy each time. */
  fixture(): Json
  parse(json: Json): Outcome
}

export interface Outcome {
  /** undefined: refused. */
  readonly config: unknown
  readonly problems: readonly Problem[]
}

interface Instance {
  readonly type: DescMessage
  /** Steps from the root of the fixture. */
  readonly steps: readonly (string | number)[]
  readonly path: string
}

type Element = {
  readonly message?: DescMessage | undefined
  readonly enum?: unknown
  readonly scalar?: number | undefined
}

/** Of fields whose empty value would be refused for itself, by name of the message, or of the field. */
const VALID: ReadonlyMap<string, readonly unknown[]> = new Map<string, readonly unknown[]>([
  ['envoy.config.core.v3.WatchedDirectory', [{ path: '/' }]],
  ['max_connections_to_accept_per_socket_event', [1]],
])

export class EveryField {
  readonly base: Outcome
  readonly #subject: Subject
  readonly #noOps: readonly NoOp[]
  readonly #instances: readonly Instance[]

  constructor(subject: Subject, noOps: readonly NoOp[]) {
    this.#subject = subject
    this.#noOps = noOps
    this.base = subject.parse(subject.fixture())
    this.#instances = findInstances(subject.root, subject.fixture(), [], '')
  }

  get types(): ReadonlySet<DescMessage> {
    return new Set(this.#instances.map((instance) => instance.type))
  }

  /** Paths of the fields of this message that are accepted without effect, and not documented to be. */
  ignored(type: DescMessage): readonly string[] {
    return this.#instances.filter((instance) => instance.type === type).flatMap((each) => this.#findIgnored(each))
  }

  /** What is read with other values of a field that has no effect; undefined: its message does not occur here. */
  withNoOp(noOp: NoOp): readonly unknown[] | undefined {
    const instance = this.#instances.findLast(({ type }) => type.typeName === noOp.message)
    const field = instance?.type.fields.find((each) => each.name === noOp.field)
    if (instance === undefined || field === undefined) return undefined
    const values =
      VALID.get(field.message?.typeName ?? '') ?? VALID.get(field.name) ?? this.#otherValues(field, undefined)
    return values.map((value) => this.#subject.parse(this.#change(instance, field, value)).config)
  }

  #findIgnored(instance: Instance): readonly string[] {
    return instance.type.fields
      .filter((field) => !this.#isNoOp(instance.type, field))
      .filter((field) => this.#isIgnored(instance, field))
      .map((field) => `${instance.path}.${field.name}`)
  }

  #isNoOp(type: DescMessage, field: DescField): boolean {
    return this.#noOps.some((noOp) => noOp.message === type.typeName && noOp.field === field.name)
  }

  /** Neither another value nor, where the fixture has one, its absence makes a difference. */
  #isIgnored(instance: Instance, field: DescField): boolean {
    const given = valueAt(this.#subject.fixture(), instance.steps)[field.name]
    if (given !== undefined && !this.#hasEffect(instance, field, undefined)) return true
    if (given !== undefined && typeof given === 'object') return false
    return !this.#otherValues(field, given).some((value) => this.#hasEffect(instance, field, value))
  }

  #hasEffect(instance: Instance, field: DescField, value: unknown): boolean {
    const result = this.#subject.parse(this.#change(instance, field, value))
    if (result.config !== undefined) return !isDeepStrictEqual(result.config, this.base.config)
    if (value === undefined) return true
    // "… is required" complains about what is not there, and refuses nothing that is.
    const path = instance.path === '' ? field.name : `${instance.path}.${field.name}`
    const errors = result.problems.filter(
      (problem) => problem.severity === 'error' && !problem.message.includes('is required'),
    )
    const before = valueAt(this.#subject.fixture(), instance.steps)[field.name]
    const isMissed = (message: string) => typeof before === 'string' && message.includes(JSON.stringify(before))
    return errors.some((problem) => problem.path.startsWith(path) || isMissed(problem.message))
  }

  #change(instance: Instance, field: DescField, value: unknown): Json {
    const json = this.#subject.fixture()
    const target = valueAt(json, instance.steps)
    for (const sibling of field.oneof?.fields ?? []) delete target[sibling.name]
    if (value === undefined) delete target[field.name]
    else target[field.name] = value
    return json
  }

  #otherValues(field: DescField, given: unknown): readonly unknown[] {
    const elements = this.#elementValues(field)
    if (field.fieldKind === 'list') return [elements]
    if (field.fieldKind === 'map') return [{ key: elements[0] }]
    return elements.filter((value) => value !== given)
  }

  /** Plausible values of one element; a BoolValue's default cannot be known, so both are tried. */
  #elementValues(field: DescField): readonly unknown[] {
    if (field.enum !== undefined) return field.enum.values.map((value) => value.name)
    const element = field as Element
    const scalar = element.message === undefined ? element.scalar : WRAPPERS.get(element.message.typeName)
    if (scalar !== undefined) {
      const place = { line: 0, column: 0 }
      return ['127.0.0.7', 'AAAA', 7n, 0n, true, false]
        .filter((value) => parseScalar(scalar, { kind: 'scalar', place, value }).kind === 'value')
        .map((value) => (typeof value === 'bigint' ? Number(value) : value))
    }
    switch (element.message?.typeName) {
      case 'google.protobuf.Duration':
        return ['7s']
      case 'google.protobuf.Any':
        return [{ '@type': 'type.googleapis.com/google.protobuf.Struct', value: { a: 1 } }]
      case 'google.protobuf.Struct':
        return [{ a: 1 }]
      default:
        return [this.#exampleOf(element.message)]
    }
  }

  /** A message that the fixture has elsewhere is tried as it is there; of others, that they are there must be refused. */
  #exampleOf(type: DescMessage | undefined): Json {
    const instance = this.#instances.find((each) => each.type === type)
    return instance === undefined ? {} : valueAt(this.#subject.fixture(), instance.steps)
  }
}

/** Every message in the fixture, with the descriptor it is read by. */
function findInstances(type: DescMessage, json: Json, steps: Instance['steps'], path: string): readonly Instance[] {
  const found: Instance[] = [{ type, steps, path }]
  for (const field of type.fields) {
    const value = json[field.name]
    if (value === undefined || field.message === undefined) continue
    const { message } = field
    for (const [step, item] of itemsOf(field, value)) {
      const itemType = messageOf(message, item)
      const place = `${path === '' ? '' : `${path}.`}${field.name}${step === undefined ? '' : `[${JSON.stringify(step)}]`}`
      const itemSteps = step === undefined ? [...steps, field.name] : [...steps, field.name, step]
      if (itemType !== undefined) found.push(...findInstances(itemType, item, itemSteps, place))
    }
  }
  return found
}

function itemsOf(field: DescField, value: unknown): readonly (readonly [string | number | undefined, Json])[] {
  if (Array.isArray(value)) return value.map((item, index) => [index, item as Json])
  return field.fieldKind === 'map' ? (Object.entries(value as Json) as [string, Json][]) : [[undefined, value as Json]]
}

function messageOf(type: DescMessage, item: unknown): DescMessage | undefined {
  if (type.typeName === 'google.protobuf.Any') return findMessageType(typeNameOf(String((item as Json)['@type'])))
  return type.typeName.startsWith('google.protobuf.') ? undefined : type
}

function valueAt(json: Json, steps: Instance['steps']): Json {
  let value: unknown = json
  for (const step of steps) value = (value as Json)[step]
  return value as Json
}

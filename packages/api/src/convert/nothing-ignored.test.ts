import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import type { DescField, DescMessage } from '@bufbuild/protobuf'
import { BootstrapSchema } from '../gen/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import { type BootstrapResult, parseBootstrap } from '../parse-bootstrap.ts'
import { parseScalar, WRAPPERS } from '../schema/read-scalar.ts'
import { findMessageType, typeNameOf } from '../schema/type-registry.ts'
import { everyAcceptedMessage } from './every-accepted-message.fixture.ts'
import { noOps } from './no-ops.ts'

type Json = { [key: string]: unknown }

interface Instance {
  readonly type: DescMessage
  /** Steps from the root of the fixture. */
  readonly steps: readonly (string | number)[]
  readonly path: string
}

const options = { codecs: new Map([['test.codec', { mutation: 'both' }]]) } as const
const base = parse(everyAcceptedMessage())
const instances = findInstances(BootstrapSchema, everyAcceptedMessage(), [], '')

describe('no field is accepted and ignored', () => {
  test('the configuration that each field is tried on is accepted', () => assert.deepEqual(base.problems, []))

  for (const type of new Set(instances.map((instance) => instance.type))) {
    test(`each field of ${type.typeName} has an effect, is refused, or is a documented no-op`, () => {
      const ignored = instances.filter((instance) => instance.type === type).flatMap(findIgnored)
      assert.deepEqual(ignored, [])
    })
  }

  for (const noOp of noOps) {
    test(`${noOp.message}.${noOp.field} is documented as a no-op: accepted, without effect`, () => {
      const instance = instances.findLast(({ type }) => type.typeName === noOp.message)
      const field = instance?.type.fields.find((each) => each.name === noOp.field)
      assert.ok(instance !== undefined && field !== undefined)
      for (const value of otherValues(field, undefined))
        assert.deepEqual(parse(change(instance, field, value)).config, base.config)
    })
  }
})

function parse(json: Json): BootstrapResult {
  return parseBootstrap(JSON.stringify(json), 'test.json', options)
}

function findIgnored(instance: Instance): readonly string[] {
  return instance.type.fields
    .filter((field) => !isNoOp(instance.type, field))
    .filter((field) => isIgnored(instance, field))
    .map((field) => `${instance.path}.${field.name}`)
}

function isNoOp(type: DescMessage, field: DescField): boolean {
  return noOps.some((noOp) => noOp.message === type.typeName && noOp.field === field.name)
}

/** Neither another value nor, where the fixture has one, its absence makes a difference. */
function isIgnored(instance: Instance, field: DescField): boolean {
  const given = valueAt(everyAcceptedMessage(), instance.steps)[field.name]
  if (given !== undefined && !hasEffect(instance, field, undefined)) return true
  if (given !== undefined && typeof given === 'object') return false
  return !otherValues(field, given).some((value) => hasEffect(instance, field, value))
}

function hasEffect(instance: Instance, field: DescField, value: unknown): boolean {
  const result = parse(change(instance, field, value))
  if (result.config !== undefined) return !isDeepStrictEqual(result.config, base.config)
  if (value === undefined) return true
  // "… is required" complains about what is not there, and refuses nothing that is.
  const path = instance.path === '' ? field.name : `${instance.path}.${field.name}`
  const errors = result.problems.filter(
    (problem) => problem.severity === 'error' && !problem.message.includes('is required'),
  )
  return errors.some((problem) => problem.path.startsWith(path))
}

function change(instance: Instance, field: DescField, value: unknown): Json {
  const json = everyAcceptedMessage()
  const target = valueAt(json, instance.steps)
  for (const sibling of field.oneof?.fields ?? []) delete target[sibling.name]
  if (value === undefined) delete target[field.name]
  else target[field.name] = value
  return json
}

function otherValues(field: DescField, given: unknown): readonly unknown[] {
  const elements = elementValues(field)
  if (field.fieldKind === 'list') return [elements]
  if (field.fieldKind === 'map') return [{ key: elements[0] }]
  return elements.filter((value) => value !== given)
}

type Element = {
  readonly message?: DescMessage | undefined
  readonly enum?: unknown
  readonly scalar?: number | undefined
}

/** Plausible values of one element; a BoolValue's default cannot be known, so both are tried. */
function elementValues(field: DescField): readonly unknown[] {
  if (field.enum !== undefined) return field.enum.values.map((value) => value.name)
  const element = field as Element
  const scalar = element.message === undefined ? element.scalar : WRAPPERS.get(element.message.typeName)
  if (scalar !== undefined) {
    const place = { line: 0, column: 0 }
    return ['127.0.0.7', 7n, 0n, true, false]
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
      return [exampleOf(element.message)]
  }
}

/** A message that the fixture has elsewhere is tried as it is there; of others, that they are there must be refused. */
function exampleOf(type: DescMessage | undefined): Json {
  const instance = instances.find((each) => each.type === type)
  return instance === undefined ? {} : valueAt(everyAcceptedMessage(), instance.steps)
}

/** Every message in the fixture, with the descriptor it is read by. */
function findInstances(type: DescMessage, json: Json, steps: Instance['steps'], path: string): readonly Instance[] {
  const found: Instance[] = [{ type, steps, path }]
  for (const field of type.fields) {
    const value = json[field.name]
    if (value === undefined || field.message === undefined) continue
    const fieldPath = path === '' ? field.name : `${path}.${field.name}`
    const items = Array.isArray(value) ? value : [value]
    items.forEach((item, index) => {
      const isList = Array.isArray(value)
      const itemSteps = isList ? [...steps, field.name, index] : [...steps, field.name]
      const itemType = messageOf(field.message as DescMessage, item)
      if (itemType !== undefined)
        found.push(...findInstances(itemType, item, itemSteps, isList ? `${fieldPath}[${index}]` : fieldPath))
    })
  }
  return found
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

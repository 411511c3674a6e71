/** What ajv finds, in words: where it stands, what was expected, what was found. */

import { didYouMean, type ResourceFault, type ResourcePath, type ResourceProblems } from '@meltemi/api/resource'
import type { ErrorObject } from 'ajv'

/** The parts of our schemas that messages are made of. */
interface Schema {
  readonly title?: string
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, unknown>>
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  object: 'a mapping',
  array: 'a list',
  string: 'a string',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
}
const MAX_SHOWN = 80

export function isOfWrongKind({ keyword }: ErrorObject): boolean {
  return keyword === 'type'
}

export function reportSchemaError(error: ErrorObject, resource: unknown, problems: ResourceProblems): void {
  if (isTold(error)) return
  const fault = explain(error, pathOf(error.instancePath, resource))
  if (fault.code === 'no-effect') problems.warning(fault)
  else problems.error(fault)
}

/** A choice of fields is told once, as a whole, and of a mapping only: that it is none is another error. */
function isTold({ keyword, schemaPath, data }: ErrorObject): boolean {
  if (keyword === 'oneOf' || keyword === 'anyOf') return typeof data !== 'object' || data === null
  return /\/(?:oneOf|anyOf)\/\d/.test(schemaPath)
}

function explain(error: ErrorObject, path: ResourcePath): ResourceFault {
  switch (error.keyword) {
    case 'additionalProperties':
      return explainUnknown(error, path)
    case 'required': {
      const missing = error.params['missingProperty'] as string
      return { code: 'missing-field', path: [...path, missing], message: 'is missing' }
    }
    case 'oneOf':
    case 'anyOf':
      return explainChoice(error, path)
    default:
      return { code: 'invalid-value', path, ...explainValue(error) }
  }
}

/** A JSON pointer as steps; which of them are indices only the resource can tell. */
function pathOf(pointer: string, resource: unknown): ResourcePath {
  const steps = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  let value = resource
  return steps.map((step) => {
    const isIndex = Array.isArray(value)
    value = (value as Readonly<Record<string, unknown>>)[step]
    return isIndex ? Number(step) : step
  })
}

/** Of our own kinds a field that is not there is a mistake; those of Istio and Kubernetes have many that we do not act on. */
function explainUnknown({ params, parentSchema }: ErrorObject, path: ResourcePath): ResourceFault {
  const schema = parentSchema as Schema
  const field = params['additionalProperty'] as string
  const guess = didYouMean(field, Object.keys(schema.properties ?? {}))
  const isTolerated = schema['x-kubernetes-preserve-unknown-fields'] === true
  return {
    code: isTolerated ? 'no-effect' : 'unknown-field',
    path: [...path, field],
    message: isTolerated ? 'has no effect here' : 'there is no such field',
    fix: guess === undefined ? undefined : `did you mean ${guess}?`,
    isAboutKey: true,
  }
}

function explainChoice({ keyword, schema, data }: ErrorObject, path: ResourcePath): ResourceFault {
  const fields = (schema as readonly { readonly required: readonly string[] }[]).flatMap(({ required }) => required)
  const found = fields.filter((field) => Object.hasOwn(data as object, field))
  const expected = `expected ${keyword === 'oneOf' ? 'exactly' : 'at least'} one of ${join(fields)}`
  if (found.length === 0) return { code: 'missing-field', path, message: `${expected}, found none of them` }
  return { code: 'conflicting-fields', path, message: `${expected}, found ${join(found)}` }
}

function join(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}

function explainValue(error: ErrorObject): { readonly message: string; readonly fix?: string } {
  const { keyword, params, data } = error
  const found = describe(data)
  if (keyword === 'enum') {
    const allowed = (params['allowedValues'] as readonly unknown[]).map(String)
    const guess = typeof data === 'string' ? didYouMean(data, allowed) : undefined
    const message = `expected one of ${allowed.join(', ')}, found ${found}`
    return guess === undefined ? { message } : { message, fix: `did you mean ${guess}?` }
  }
  const message = `expected ${expectation(error)}, found ${found}`
  if (keyword !== 'type' || params['type'] !== 'string' || !['number', 'boolean'].includes(typeof data))
    return { message }
  return { message, fix: `write it in quotes: "${data}"` }
}

function expectation({ keyword, params, parentSchema }: ErrorObject): string {
  const { title, type } = parentSchema as Schema
  // The title of a mapping is the name of its type.
  if (title !== undefined && type !== 'object') return title
  if (keyword === 'type')
    return [params['type']]
      .flat()
      .map((each) => TYPE_NAMES[each] ?? each)
      .join(' or ')
  const { limit } = params
  if (keyword === 'minItems' || keyword === 'minProperties')
    return `at least ${limit} ${limit === 1 ? 'entry' : 'entries'}`
  if (keyword === 'maxItems' || keyword === 'maxProperties') return `at most ${limit} entries`
  if (keyword === 'maxLength') return `at most ${limit} characters`
  return keyword === 'minimum' || keyword === 'exclusiveMinimum' ? `at least ${limit}` : `at most ${limit}`
}

function describe(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object') return `a mapping of ${Object.keys(value as object).length}`
  if (typeof value !== 'string') return String(value)
  const shown = value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value
  return JSON.stringify(shown)
}

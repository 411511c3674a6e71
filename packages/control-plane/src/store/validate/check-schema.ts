import { type Resource, type ResourceKind, type ResourceProblems, resourceSchemas } from '@meltemi/api/resource'
import { Ajv, type ValidateFunction } from 'ajv'
import { isOfWrongKind, reportSchemaError } from './report-schema-error.ts'

const ajv = new Ajv({ allErrors: true, verbose: true, strict: false, validateFormats: false, ownProperties: true })
/** Compiled when the first resource of a kind comes. */
const validators = new Map<ResourceKind, ValidateFunction>()

/**
 * Compares a resource with the schema of its kind. Returns false when a value is not of the kind that its field takes, so
 * that nobody can rely on its type.
 */
export function checkSchema(resource: Resource, problems: ResourceProblems): boolean {
  const validate = validators.get(resource.kind) ?? compile(resource.kind)
  if (validate(resource)) return true
  const errors = validate.errors ?? []
  for (const error of errors) reportSchemaError(error, resource, problems)
  return !errors.some(isOfWrongKind)
}

function compile(kind: ResourceKind): ValidateFunction {
  const validate = ajv.compile(resourceSchemas[kind] as object)
  validators.set(kind, validate)
  return validate
}

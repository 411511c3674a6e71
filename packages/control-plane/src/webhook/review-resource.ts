import { formatProblem, KINDS } from '@meltemi/api'
import { type ApiObject, toResource } from '../kubernetes/api-object.ts'
import { canonicalJson } from '../store/resource-version.ts'
import { validateResource } from '../store/validate.ts'

/** `admission.k8s.io/v1`, as far as it is read. */
export interface AdmissionRequest {
  readonly uid: string
  readonly operation: string
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string }
  /** Null when it is deleted. */
  readonly object: ReviewedObject | null
  readonly oldObject: ReviewedObject | null
}

export type ReviewedObject = ApiObject & {
  readonly metadata: { readonly deletionTimestamp?: string }
  readonly spec?: unknown
}

/** The `response` of a review. */
export interface AdmissionResponse {
  readonly uid: string
  readonly allowed: boolean
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string }
  readonly warnings?: readonly string[]
}

/** Of one answer; API servers cut off what is beyond 4 KiB. */
const MAX_WARNINGS = 20
const MAX_MESSAGE = 16 * 1024

/**
 * Whether a resource may be stored: what is wrong with it by itself is an error, as `meltemi validate` has it. What shows
 * only beside other resources is no reason to refuse it, for they may come in any order.
 */
export function reviewResource({ uid, operation, kind, object, oldObject }: AdmissionRequest): AdmissionResponse {
  if (object === null || (operation !== 'CREATE' && operation !== 'UPDATE')) return { uid, allowed: true }
  const definition = KINDS.find((each) => each.kind === kind.kind && each.group === kind.group)
  if (definition === undefined) return refuse(uid, [`there is no kind ${kind.kind} of ${kind.group}`], [])
  const problems = validateResource({ ...toResource(definition, kind.version, object), file: '' })
  const errors = problems.filter(({ severity }) => severity === 'error').map(formatProblem)
  const warnings = problems.filter(({ severity }) => severity !== 'error').map(formatProblem)
  if (errors.length === 0) return allow(uid, warnings)
  // labels and finalizers of one that is refused already may still change, or nobody could take it away
  if (isSame(object, oldObject) || object.metadata.deletionTimestamp !== undefined)
    return allow(uid, [...errors, ...warnings])
  return refuse(uid, errors, warnings)
}

function isSame(object: ReviewedObject, oldObject: ReviewedObject | null): boolean {
  return oldObject !== null && canonicalJson(object.spec) === canonicalJson(oldObject.spec)
}

function allow(uid: string, warnings: readonly string[]): AdmissionResponse {
  return { uid, allowed: true, ...bounded(warnings) }
}

function refuse(uid: string, errors: readonly string[], warnings: readonly string[]): AdmissionResponse {
  const message = errors.join('\n').slice(0, MAX_MESSAGE)
  return { uid, allowed: false, status: { code: 422, reason: 'Invalid', message }, ...bounded(warnings) }
}

function bounded(warnings: readonly string[]): Pick<AdmissionResponse, 'warnings'> {
  return warnings.length === 0 ? {} : { warnings: warnings.slice(0, MAX_WARNINGS) }
}

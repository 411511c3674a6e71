import type { DescMessage } from '@bufbuild/protobuf'
import type { ConvertContext } from '../convert/convert-context.ts'
import { noOps } from '../convert/no-ops.ts'
import type { Problem } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { ProblemList } from '../schema/problem-list.ts'
import { readMessage } from '../schema/read-message.ts'
import { refuseUnread } from '../schema/refuse-unread.ts'
import { tryDecode } from './decode.ts'
import { messageToSource } from './message-to-source.ts'
import { convertContext, type ResourceContext } from './resource-context.ts'

/** What became of the bytes of one resource. */
export interface ParsedResource<T> {
  /** Empty when it cannot be read. */
  readonly name: string
  /** undefined when there is at least one error. */
  readonly value: T | undefined
  /** Without file and line: the path is one inside the resource. */
  readonly problems: readonly Problem[]
}

export interface ResourceKind<T> {
  readonly schema: DescMessage
  /** The field that names the resource. */
  readonly nameField: string
  /** undefined only when it reported why. */
  convert(message: ConfigMessage, context: ConvertContext): T | undefined
}

/** Larger ones are refused unread: the smallest messages take fifty times their bytes once they are objects. */
export const MAX_RESOURCE_BYTES: number = 5 * 1024 * 1024

/** Reads one resource as strictly as a bootstrap file. Never throws: garbage is a problem like any other. */
export function parseResource<T>(
  kind: ResourceKind<T>,
  bytes: Uint8Array,
  context: ResourceContext,
): ParsedResource<T> {
  const problems = new ProblemList('')
  const nothing = (): ParsedResource<T> => ({ name: '', value: undefined, problems: problems.sorted() })
  const whole = { path: '', place: { line: 0, column: 0 } }
  if (bytes.length > MAX_RESOURCE_BYTES) {
    problems.error(whole, `has ${bytes.length} bytes, more than ${MAX_RESOURCE_BYTES}`)
    return nothing()
  }
  try {
    return read(kind, bytes, context, problems) ?? nothing()
  } catch (error: unknown) {
    // Anys in Anys can be nested deeper than the stack is
    problems.error(whole, `cannot be read: ${error instanceof Error ? error.message : String(error)}`)
    return nothing()
  }
}

function read<T>(
  kind: ResourceKind<T>,
  bytes: Uint8Array,
  context: ResourceContext,
  problems: ProblemList,
): ParsedResource<T> | undefined {
  const reading = { problems, allowUnknownFields: context.options.allowUnknownFields ?? false }
  const decoded = tryDecode(reading, kind.schema, bytes, '')
  if (decoded === undefined) return undefined
  const message = readMessage(reading, kind.schema, messageToSource(reading, decoded, ''), '')
  const name = message.text(kind.nameField)
  if (name === '') message.reportMissing(kind.nameField)
  const value = kind.convert(message, convertContext(context))
  refuseUnread(message, noOps)
  return { name, value: problems.errorCount > 0 ? undefined : value, problems: problems.sorted() }
}

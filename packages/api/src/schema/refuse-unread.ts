import type { ConfigMessage } from './config-message.ts'
import type { ConfigValue } from './config-value.ts'

/** A field that is accepted although nothing reads it. */
export interface NoOp {
  /** Full name of the message. */
  readonly message: string
  readonly field: string
  readonly why: string
}

/** Refuses every field that is set and that no converter has read, but for the documented no-ops. */
export function refuseUnread(message: ConfigMessage, noOps: readonly NoOp[]): void {
  if (message.isHandedOver) return
  for (const [name, { value }] of message.fields) {
    if (message.isRefused(name)) continue
    if (message.isRead(name)) refuseInside(value, noOps)
    else if (!isNoOp(message, name, noOps)) message.problems.refuse(value, `${name} is not supported yet`)
  }
}

function isNoOp(message: ConfigMessage, field: string, noOps: readonly NoOp[]): boolean {
  return noOps.some((noOp) => noOp.field === field && noOp.message === message.type.typeName)
}

function refuseInside(value: ConfigValue, noOps: readonly NoOp[]): void {
  if (value.kind === 'message') refuseUnread(value.message, noOps)
  if (value.kind === 'any' && value.message !== undefined) refuseUnread(value.message, noOps)
  if (value.kind === 'list') for (const item of value.items) refuseInside(item, noOps)
  if (value.kind === 'map') for (const item of value.entries.values()) refuseInside(item, noOps)
}

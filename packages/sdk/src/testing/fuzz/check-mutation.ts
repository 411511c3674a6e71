import type { Side } from '../../codec.ts'
import { MessageType, type Metadata, Mutation } from '../../index.ts'
import { encode, expectSame, readBack } from './check-writing.ts'
import { Fault } from './fault.ts'
import type { Trial } from './trial.ts'

/** Properties that are added or changed are there, and gone when they are removed; the others stay. */
export function checkMutation(trial: Trial): void {
  const { definition, input, messages, random } = trial
  const able = definition.mutation === 'both' || definition.mutation === sideName(input.side)
  const [message] = messages
  if (!able || !input.isMutable || message === undefined || messages.length > 1 || !isMutable(message)) return
  const own = input.changeable.filter((key) => message.get(key) !== undefined)
  const key = [...own, 'x-fuzz'][random.below(own.length + 1)] as string
  const value = 'wörld €'
  const setting = mutate(trial, message, key, value)
  if (setting === undefined || isUnseen(message, setting)) return
  checkChange(trial, setting, { message, key, value })
  const [changed] = readMutated(trial, setting)
  const removing = changed && mutate(trial, changed, key, undefined)
  if (removing !== undefined) checkChange(trial, removing, { message, key, value: undefined })
}

/** A message that the codec cannot look into passes as it is. */
function isUnseen(message: Metadata, bytes: Buffer): boolean {
  return message.size === 0 && bytes.equals(message.message)
}

/** What `encode` writes with this change; undefined when it says by an exception that it cannot. */
function mutate(trial: Trial, message: Metadata, key: string, value: string | undefined): Buffer | undefined {
  const mutation = new Mutation()
  mutation.set(key, value)
  try {
    return encode(trial, message, mutation)
  } catch {
    return undefined // the proxy answers such a request itself
  }
}

function readMutated(trial: Trial, bytes: Buffer): readonly Metadata[] {
  return readBack(trial, bytes, { rule: 'mutation', what: 'a mutated message' })
}

interface Change {
  /** As it was. */
  readonly message: Metadata
  readonly key: string
  readonly value: string | undefined
}

/** These bytes are the message with just this change. */
function checkChange(trial: Trial, bytes: Buffer, { message, key, value }: Change): void {
  const changed = readMutated(trial, bytes)
  const now = changed[0]?.get(key)
  const what = value === undefined ? 'removed' : 'set'
  if (now !== value) throw new Fault('mutation', `a property is not ${what}`, `${key} is ${now}`)
  const before = message.get(key)
  if (before === undefined) changed[0]?.delete(key)
  else changed[0]?.set(key, before)
  expectSame(changed, [message], { rule: 'mutation', what: `where a property is ${what} more has changed` })
}

function isMutable({ type }: Metadata): boolean {
  return type === MessageType.Request || type === MessageType.Oneway || type === MessageType.Response
}

function sideName(side: Side): 'request' | 'response' {
  return side === 'downstream' ? 'request' : 'response'
}

/** What stands after `get`, `describe` and `delete`: kinds and names as kubectl takes them. */

import { didYouMean, findKind, KINDS, type KindDefinition } from '@meltemi/api/resource'
import { CommandError } from '../command-error.ts'

export interface KindTarget {
  readonly kind: KindDefinition
  /** Empty: all. */
  readonly names: readonly string[]
}

/** `KIND[,KIND] [NAME…]` or `KIND/NAME…`. Throws a CommandError for kinds that do not exist, and for mixtures. */
export function parseKindArguments(words: readonly string[]): readonly KindTarget[] {
  const [first = '', ...names] = words
  if (!words.some((word) => word.includes('/'))) {
    const kinds = [...new Set(first.split(',').map(parseKind))]
    if (kinds.length > 1 && names.length > 0) throw new CommandError(['names need one kind, not several'])
    return kinds.map((kind) => ({ kind, names }))
  }
  return words.map((word) => {
    const [kind = '', name = '', ...more] = word.split('/')
    if (kind === '' || name === '' || more.length > 0) {
      throw new CommandError([`expected KIND/NAME, got "${word}": either all have a slash, or none`])
    }
    return { kind: parseKind(kind), names: [name] }
  })
}

/** `metarouter`, `metarouters`, `mr`, or `metarouters.metaprotocol.aeraki.io`. */
function parseKind(text: string): KindDefinition {
  const dot = text.indexOf('.')
  const kind = findKind(dot < 0 ? text : text.slice(0, dot))
  const group = dot < 0 ? undefined : text.slice(dot + 1)
  if (kind !== undefined && (group === undefined || isGroupOf(group, kind))) return kind
  const near = didYouMean(
    text,
    KINDS.map(({ plural }) => plural),
  )
  const guess = near === undefined ? '' : `, did you mean ${near}?`
  throw new CommandError([`the server doesn't have a resource type "${text}"${guess}`])
}

/** With or without a version before it. */
function isGroupOf(text: string, { group, versions }: KindDefinition): boolean {
  return text === group || versions.some((version) => text === `${version}.${group}`)
}

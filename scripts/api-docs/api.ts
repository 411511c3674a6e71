/** What a package exports, as its reference shows it. */

/** One source file. */
export interface ApiFile {
  /** Without folder and ending. */
  readonly name: string
  readonly entries: readonly ApiEntry[]
}

export interface ApiEntry {
  readonly name: string
  readonly kind: 'class' | 'interface' | 'type' | 'function' | 'constant'
  /** Of classes and interfaces the head; of others the whole declaration with its line breaks, without a body. */
  readonly signature: string
  /** The docstring; empty when there is none. */
  readonly doc: string
  readonly members: readonly ApiMember[]
}

export interface ApiMember {
  readonly name: string
  /** As declared, in one line, without a body. */
  readonly signature: string
  readonly doc: string
}

import type { DescField } from '@bufbuild/protobuf'
import type { ConfigMessage } from './config-message.ts'
import type { Spot } from './problem-list.ts'

/** An Any whose type may be unknown to us; then only its JSON is there. */
export interface ConfigAny extends Spot {
  readonly kind: 'any'
  /** Without the part before the slash. */
  readonly typeName: string
  readonly message: ConfigMessage | undefined
  /** As written, without `@type`. */
  readonly json: unknown
}

export interface ConfigList extends Spot {
  readonly kind: 'list'
  readonly items: readonly ConfigValue[]
}

/** One value of a field, checked against its type, and where it stands. */
export type ConfigValue =
  | (Spot & { readonly kind: 'scalar'; readonly value: string | number | bigint | boolean })
  | (Spot & { readonly kind: 'enum'; readonly name: string; readonly number: number })
  | (Spot & { readonly kind: 'duration'; readonly nanos: bigint; readonly text: string })
  | (Spot & { readonly kind: 'message'; readonly message: ConfigMessage })
  | (Spot & { readonly kind: 'json'; readonly json: unknown })
  | (Spot & { readonly kind: 'map'; readonly entries: ReadonlyMap<string, ConfigValue> })
  | ConfigAny
  | ConfigList

export interface ConfigField {
  readonly field: DescField
  readonly value: ConfigValue
}

/** A resource whose values are of the right kind, but which may lack fields: the schema has told of those. */
export type Loose<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Loose<Item>[]
    : { readonly [Key in keyof T]?: Loose<T[Key]> }

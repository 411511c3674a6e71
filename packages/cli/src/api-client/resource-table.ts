import type { PrintableTable } from './print-table.ts'

/** What the control plane answers to those who ask for rows; as far as it is shown. */
export interface ResourceTable {
  readonly metadata: { readonly resourceVersion: string }
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[]
  readonly rows: readonly ResourceRow[]
}

export interface ResourceRow {
  readonly cells: readonly unknown[]
  readonly object: { readonly metadata: { readonly namespace?: string; readonly name: string } }
}

export interface TableOptions {
  readonly isWide: boolean
  readonly withNamespace: boolean
  /** Before each name; empty: the name alone. */
  readonly namePrefix: string
}

/** The columns that are wanted; names come first. */
export function selectColumns(table: ResourceTable, options: TableOptions): PrintableTable {
  const columns = table.columnDefinitions.flatMap(({ priority }, index) =>
    priority === 0 || options.isWide ? [index] : [],
  )
  const head = columns.map((index) => table.columnDefinitions[index]?.name ?? '')
  const rows = table.rows.map(({ cells, object }) => {
    const [name, ...others] = columns.map((index) => cells[index])
    const named = [`${options.namePrefix}${name}`, ...others]
    return options.withNamespace ? [object.metadata.namespace ?? '', ...named] : named
  })
  return { head: options.withNamespace ? ['Namespace', ...head] : head, rows }
}

const GAP = '   '

export interface PrintableTable {
  readonly head: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
}

/** Columns as kubectl prints them: heads in upper case, three spaces between, nothing after the last. */
export class TableFormatter {
  readonly #widths: number[] = []

  /** Rows that come later stand below those before, unless they are wider. */
  format({ head, rows }: PrintableTable, withHead: boolean): string {
    const lines = rows.map((row) => row.map(cellText))
    const all = [head.map((name) => name.toUpperCase()), ...lines]
    for (const column of head.keys()) {
      this.#widths[column] = Math.max(this.#widths[column] ?? 0, ...all.map((line) => line[column]?.length ?? 0))
    }
    return (withHead ? all : lines).map((line) => this.#formatLine(line)).join('')
  }

  #formatLine(cells: readonly string[]): string {
    const padded = cells.map((cell, column) => cell.padEnd(this.#widths[column] ?? 0))
    return `${padded.join(GAP).trimEnd()}\n`
  }
}

export function formatTable(table: PrintableTable): string {
  return new TableFormatter().format(table, true)
}

/** What a terminal could take for a command stays out. */
function cellText(value: unknown): string {
  const text = value === undefined || value === null || value === '' ? '<none>' : String(value)
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
}

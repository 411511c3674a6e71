/** Resources as rows, as Kubernetes' API makes them for `kubectl get`: cells by the columns of the kind's definition. */

import type { KindDefinition } from '@meltemi/api'
import type { ResourceStatus, StoredResource } from './backend.ts'
import { compileJsonPath } from './json-path.ts'
import { metadataToJson } from './resource-json.ts'

export interface Table {
  readonly kind: 'Table'
  readonly apiVersion: 'meta.k8s.io/v1'
  readonly metadata: { readonly resourceVersion: string }
  readonly columnDefinitions: readonly TableColumn[]
  readonly rows: readonly TableRow[]
}

export interface TableColumn {
  readonly name: string
  readonly type: string
  readonly format: string
  readonly description: string
  /** Above 0: only in wide tables. */
  readonly priority: number
}

export interface TableRow {
  readonly cells: readonly unknown[]
  readonly object: {
    readonly kind: 'PartialObjectMetadata'
    readonly apiVersion: 'meta.k8s.io/v1'
    readonly metadata: unknown
  }
}

type KindColumn = KindDefinition['columns'][number]

interface Column {
  readonly definition: TableColumn
  /** `nowMs`: what ages are counted to. */
  cell(stored: StoredResource, nowMs: number): unknown
}

const NAME = column('Name', 'Name of the resource', ({ resource }) => resource.metadata.name, { format: 'name' })
const ACCEPTED = column('Accepted', 'Whether it is in force', ({ status }) => acceptedText(status))
const PROXIES = column('Proxies', 'How many have it, of those that it concerns', ({ status }) => proxiesText(status))
const WHY = column('Reason', 'Why it is not accepted, or has a warning', ({ status }) => messageOf(status), {
  priority: 1,
})
const AGE = column('Age', 'Time since its creation', ({ resource }, nowMs) =>
  formatAge(resource.metadata.creationTimestamp, nowMs),
)

/** Tables of one kind. */
export class TablePrinter {
  readonly #columns: readonly Column[]

  constructor(kind: KindDefinition) {
    // those of status are for kubectl and an API server, which cannot put two numbers into one
    const fromSpec = ({ type, jsonPath }: KindColumn) => type !== 'date' && !jsonPath.startsWith('.status.')
    const own = kind.columns.filter(fromSpec).map(ownColumn)
    this.#columns = [NAME, ...own, ACCEPTED, PROXIES, WHY, AGE]
  }

  /** Everything but the rows. */
  head(revision: number): Omit<Table, 'rows'> {
    return {
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { resourceVersion: String(revision) },
      columnDefinitions: this.#columns.map(({ definition }) => definition),
    }
  }

  row(stored: StoredResource, nowMs: number): TableRow {
    return {
      cells: this.#columns.map(({ cell }) => cell(stored, nowMs)),
      object: {
        kind: 'PartialObjectMetadata',
        apiVersion: 'meta.k8s.io/v1',
        metadata: metadataToJson(stored.resource.metadata),
      },
    }
  }
}

/** `5s`, `3m20s`, `4h`, `12d`, as kubectl says it; `<unknown>` without a time. */
export function formatAge(timestamp: string, nowMs: number): string {
  const seconds = Math.floor((nowMs - Date.parse(timestamp)) / 1000)
  if (!Number.isFinite(seconds)) return '<unknown>'
  if (seconds < 120) return `${Math.max(0, seconds)}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 10) return withRest(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  if (hours < 8) return withRest(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.floor(hours / 24)
  if (days < 8) return withRest(days, 'd', hours % 24, 'h')
  if (days < 730) return `${days}d`
  return withRest(Math.floor(days / 365), 'y', days % 365, 'd')
}

function withRest(count: number, unit: string, rest: number, restUnit: string): string {
  return rest === 0 ? `${count}${unit}` : `${count}${unit}${rest}${restUnit}`
}

function ownColumn({ name, type, description, jsonPath, priority }: KindColumn): Column {
  const find = compileJsonPath(jsonPath)
  return {
    definition: { name, type, format: '', description, priority },
    cell: ({ resource }) => cellText(find(resource)),
  }
}

/** kubectl shows lists as JSON; names in them are all that anyone wants to see. */
function cellText(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map((item) => (typeof item === 'object' ? JSON.stringify(item) : String(item))).join(',')
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : (value ?? '')
}

function acceptedText({ conditions }: ResourceStatus): string {
  const accepted = conditions.find(({ type }) => type === 'Accepted')
  if (accepted === undefined) return 'Unknown'
  return accepted.status === 'True' ? 'True' : `False (${accepted.reason})`
}

function proxiesText({ proxies }: ResourceStatus): string {
  return proxies === undefined ? '-' : `${proxies.synced}/${proxies.total}`
}

function messageOf({ conditions }: ResourceStatus): string {
  return conditions.find(({ type }) => type === 'Accepted')?.message ?? ''
}

function column(
  name: string,
  description: string,
  cell: Column['cell'],
  { format = '', priority = 0 }: { readonly format?: string; readonly priority?: number } = {},
): Column {
  return { definition: { name, type: 'string', format, description, priority }, cell }
}

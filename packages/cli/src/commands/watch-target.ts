/** `meltemi get -w`: what is there, then every change, until the user has seen enough. */

import type { ApiClient } from '../api-client/api-client.ts'
import { apiPath, kindName } from '../api-client/api-paths.ts'
import type { KindTarget } from '../api-client/kind-arguments.ts'
import { TableFormatter } from '../api-client/print-table.ts'
import { type ResourceTable, selectColumns } from '../api-client/resource-table.ts'
import { isStatusObject, ServerError } from '../api-client/server-error.ts'
import type { Console } from '../console.ts'
import { formatObject, type GetFlags, isTableOutput, namespaceOf, tableOptions } from './get-output.ts'

interface WatchParts {
  readonly flags: GetFlags
  readonly client: ApiClient
  readonly console: Console
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'ERROR'
  readonly object: unknown
}

interface ObjectList {
  readonly metadata: { readonly resourceVersion: string }
  readonly items: readonly unknown[]
}

/** Does not return while the control plane is there; throws when it is not. */
export async function watchTarget(target: KindTarget, parts: WatchParts): Promise<never> {
  const printer = new ChangePrinter(target, parts)
  // Who fell behind, or watched for longer than the control plane lets one, begins anew with what is there.
  for (;;) await watchOnce(target, parts, printer)
}

async function watchOnce(target: KindTarget, { client, flags }: WatchParts, printer: ChangePrinter): Promise<void> {
  const asTable = isTableOutput(flags)
  const list = await client.call<ResourceTable | ObjectList>(watchPath(target, flags, {}), { asTable })
  for (const object of 'items' in list ? list.items : [list]) printer.print(object)
  const query = { watch: 'true', resourceVersion: list.metadata.resourceVersion }
  const { signal } = new AbortController()
  for await (const event of client.lines<WatchEvent>(watchPath(target, flags, query), { asTable, signal })) {
    if (event.type !== 'ERROR') printer.print(event.object)
    else if (isStatusObject(event.object) && event.object.reason !== 'Expired') throw new ServerError(event.object)
  }
}

/** One resource, too, is watched as a list, of one. */
function watchPath({ kind, names }: KindTarget, flags: GetFlags, query: Readonly<Record<string, string>>): string {
  const [name] = names
  return apiPath(
    { kind, namespace: namespaceOf(flags) },
    {
      ...query,
      ...(name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }),
      ...(flags.selector === '' ? {} : { labelSelector: flags.selector }),
    },
  )
}

class ChangePrinter {
  readonly #target: KindTarget
  readonly #parts: WatchParts
  readonly #formatter = new TableFormatter()
  #hasHead = false

  constructor(target: KindTarget, parts: WatchParts) {
    this.#target = target
    this.#parts = parts
  }

  print(object: unknown): void {
    const { flags, console } = this.#parts
    if (isTableOutput(flags)) console.write(this.#formatRows(object as ResourceTable))
    else if (flags.output === 'name') console.write(`${kindName(this.#target.kind)}/${nameOf(object)}\n`)
    else console.write(`${flags.output === 'yaml' ? '---\n' : ''}${formatObject(object, flags.output)}`)
  }

  #formatRows(table: ResourceTable): string {
    if (table.rows.length === 0) return ''
    const withHead = !this.#hasHead
    this.#hasHead = true
    return this.#formatter.format(selectColumns(table, tableOptions(this.#target, this.#parts.flags, false)), withHead)
  }
}

function nameOf(object: unknown): string {
  return (object as { readonly metadata: { readonly name: string } }).metadata.name
}

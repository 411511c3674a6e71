/** What `get` and its watch share: flags, and how they are printed. */

import { formatYaml } from '@meltemi/api/resource'
import { kindName } from '../api-client/api-paths.ts'
import type { KindTarget } from '../api-client/kind-arguments.ts'
import type { TableOptions } from '../api-client/resource-table.ts'
import { DEFAULT_NAMESPACE, type ResourceFlags } from './resource-options.ts'

export interface GetFlags extends ResourceFlags {
  readonly allNamespaces?: true
  readonly selector: string
  readonly output?: 'yaml' | 'json' | 'wide' | 'name'
  readonly watch?: true
}

export function isTableOutput({ output }: GetFlags): boolean {
  return output === undefined || output === 'wide'
}

/** Empty: all of them. */
export function namespaceOf(flags: GetFlags): string {
  return flags.allNamespaces ? '' : (flags.namespace ?? DEFAULT_NAMESPACE)
}

export function tableOptions({ kind }: KindTarget, flags: GetFlags, isSeveral: boolean): TableOptions {
  return {
    isWide: flags.output === 'wide',
    withNamespace: flags.allNamespaces === true && kind.isNamespaced,
    namePrefix: isSeveral ? `${kindName(kind)}/` : '',
  }
}

export function formatObject(object: unknown, output: GetFlags['output']): string {
  return output === 'json' ? `${JSON.stringify(object, undefined, 4)}\n` : formatYaml(object)
}

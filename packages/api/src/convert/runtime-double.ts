import type { ConfigMessage } from '../schema/config-message.ts'

/** Field `name`, a RuntimeDouble, whose key nothing can set; undefined when it is not there. */
export function convertRuntimeDouble(owner: ConfigMessage | undefined, name: string): number | undefined {
  const message = owner?.message(name)
  return message === undefined ? undefined : (message.number('default_value') ?? 0)
}

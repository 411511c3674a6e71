import type { RouterContext } from './router/router-context.ts'

/** Whether the codec can change these messages. Asking it for what it cannot do costs a message written anew. */
export function canChange({ protocol }: Pick<RouterContext, 'protocol'>, side: 'request' | 'response'): boolean {
  const { mutation } = protocol.definition
  return mutation === 'both' || mutation === side
}

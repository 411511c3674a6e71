import type { RouterContext } from './router-context.ts'

/** Only equal dialects share an upstream connection. Throws what the codec throws. */
export function dialectOf({ protocol: { definition }, request }: RouterContext): string {
  return definition.dialect === undefined ? '' : definition.dialect(request)
}

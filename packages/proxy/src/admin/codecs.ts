import { type AdminReply, type AdminRoute, badRequest, jsonReply } from '@meltemi/runtime'
import type { ProxyInspector } from './inspector.ts'

export function codecsRoutes(inspector: ProxyInspector): AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/codecs',
      description: 'the modules in force: codecs, versions, digests, what was refused',
      handle: () => jsonReply({ modules: inspector.modules() }),
    },
    {
      method: 'POST',
      path: '/codecs/reload',
      description: 'reads modules again from the disk; ?name=CODEC or ?name=FILE for one',
      handle: ({ query }) => change(inspector, 'reload', query),
    },
    {
      method: 'POST',
      path: '/codecs/rollback',
      description: 'goes back to the version before; ?name=CODEC or ?name=FILE',
      handle: ({ query }) => change(inspector, 'rollback', query),
    },
  ]
}

/** 409 when a version was refused and the old one stays. */
async function change(
  inspector: ProxyInspector,
  what: 'reload' | 'rollback',
  query: URLSearchParams,
): Promise<AdminReply> {
  const name = query.get('name') ?? undefined
  if (what === 'rollback' && name === undefined) return badRequest('which one? ?name=CODEC')
  const changes = await inspector.changeModules(what, name)
  if (changes.length === 0)
    return badRequest(`there is no module that can be reloaded${name === undefined ? '' : ` for '${name}'`}`)
  const isRefused = changes.some(({ outcome }) => outcome === 'refused')
  return { ...jsonReply({ modules: changes }), status: isRefused ? 409 : 200 }
}

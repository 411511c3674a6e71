import { type AdminReply, type AdminRoute, badRequest, LOG_LEVELS, tryParseLogLevel } from '@meltemi/runtime'
import type { ProxyInspector } from './inspector.ts'

export function loggingRoutes(inspector: ProxyInspector): AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/logging',
      description: 'the log level of each component',
      handle: () => listLevels(inspector),
    },
    {
      method: 'POST',
      path: '/logging',
      description: 'changes log levels; ?level=LEVEL for all, ?COMPONENT=LEVEL for one',
      handle: ({ query }) => changeLevels(inspector, query),
    },
  ]
}

function listLevels(inspector: ProxyInspector): AdminReply {
  const lines = [...inspector.logLevels()].map(([component, level]) => `  ${component}: ${level}\n`)
  return { body: `active loggers:\n${lines.join('')}` }
}

/** All changes or none. */
function changeLevels(inspector: ProxyInspector, query: URLSearchParams): AdminReply {
  const known = inspector.logLevels()
  for (const [component, name] of query) {
    if (component !== 'level' && !known.has(component)) return badRequest(`there is no logger ${component}`)
    if (tryParseLogLevel(name) === undefined) return badRequest(`a level is one of ${LOG_LEVELS.join(', ')}`)
  }
  for (const [component, name] of query) {
    const level = tryParseLogLevel(name)
    if (level !== undefined) inspector.setLogLevel(level, component === 'level' ? undefined : component)
  }
  return listLevels(inspector)
}

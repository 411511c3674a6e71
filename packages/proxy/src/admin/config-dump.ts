import { type AdminReply, type AdminRoute, badRequest, jsonReply, redact } from '@meltemi/runtime'
import { collectSections, type Json, SECTION_LISTS } from './config-sections.ts'
import { applyFieldMask, parseFieldMask } from './field-mask.ts'
import type { ProxyInspector } from './inspector.ts'
import { createNameFilter, FilterError } from './name-filter.ts'
import { SECRETS } from './secrets-section.ts'

const FIELDS = new Set(['bootstrap', 'last_updated', 'version_info'])

/** The configuration in force, in Envoy's sections and with its parameters, secrets left out. */
export function configDumpRoute(inspector: ProxyInspector): AdminRoute {
  return {
    method: 'GET',
    path: '/config_dump',
    description: `the configuration; ?include_eds, ?resource=${[...SECTION_LISTS.keys()].join('|')}, ?name_regex=RE2 (of whole names), ?mask=FIELDS`,
    handle: ({ query }) => {
      try {
        return dump(inspector, query)
      } catch (error: unknown) {
        if (error instanceof FilterError) return badRequest(error.message)
        throw error
      }
    },
  }
}

function dump(inspector: ProxyInspector, query: URLSearchParams): AdminReply {
  const nameRegex = query.get('name_regex') ?? ''
  const resource = query.get('resource')
  const type = SECTION_LISTS.get(resource ?? '')
  if (resource !== null && type === undefined) return noSuchResource(resource)
  const sections = collectSections(inspector, {
    accepts: nameRegex === '' ? () => true : createNameFilter(nameRegex, { isWhole: true }),
    withEndpoints: query.has('include_eds') || resource?.endsWith('_endpoint_configs') === true,
  })
  const configs = resource === null ? sections : itemsOf(sections, resource, type as string)
  const mask = query.get('mask')
  const masked = mask === null ? configs : configs.flatMap((each) => applyFieldMask(each, parseFieldMask(mask)) ?? [])
  if (configs.length > 0 && masked.length === 0) {
    return badRequest(`FieldMask ${mask} could not be successfully applied to any configs.`)
  }
  // as protobuf prints a message without anything in it
  return jsonReply(masked.length === 0 ? {} : { configs: masked.map(withoutSecrets) })
}

/** Secrets themselves are shown without what is secret of them already. */
function withoutSecrets(config: unknown): unknown {
  return String((config as Json)['@type']).startsWith(SECRETS) ? config : redact(config)
}

function noSuchResource(name: string): AdminReply {
  if (!FIELDS.has(name)) return { status: 404, body: `${name} not found in config dump\n` }
  return badRequest(`${name} is not a repeated field. Use ?mask=${name} to get only this field`)
}

function itemsOf(sections: readonly Json[], resource: string, type: string): readonly Json[] {
  const items = sections.flatMap((section) => (section[resource] as readonly Json[] | undefined) ?? [])
  return items.map((item) => ({ '@type': type, ...item }))
}

/** What kubectl asks first: which groups, versions and kinds there are. */

import { apiVersionOf, KINDS } from '@meltemi/api'
import { type ApiHandler, jsonReply } from './api-request.ts'

const VERBS = ['create', 'delete', 'get', 'list', 'update', 'watch']
const GROUPS = [...new Set(KINDS.map(({ group }) => group))].filter((group) => group !== '').sort()

export function discoveryHandler(): ApiHandler {
  const documents = new Map<string, unknown>([
    ['api', { kind: 'APIVersions', apiVersion: 'v1', versions: versionsOf(''), serverAddressByClientCIDRs: [] }],
    ['apis', { kind: 'APIGroupList', apiVersion: 'v1', groups: GROUPS.map(apiGroup) }],
  ])
  for (const group of GROUPS) documents.set(`apis/${group}`, { ...apiGroup(group), kind: 'APIGroup', apiVersion: 'v1' })
  for (const { group, versions } of KINDS) {
    for (const version of versions) {
      documents.set(group === '' ? `api/${version}` : `apis/${group}/${version}`, resourceList(group, version))
    }
  }
  return ({ method, path }) => {
    const document = method === 'GET' ? documents.get(path.join('/')) : undefined
    return document === undefined ? undefined : jsonReply(document)
  }
}

/** The preferred one first. */
function versionsOf(group: string): readonly string[] {
  const all = KINDS.filter((kind) => kind.group === group).flatMap(({ versions }) => versions)
  return [...new Set(all)].reverse()
}

function apiGroup(group: string) {
  const versions = versionsOf(group).map((version) => ({ groupVersion: `${group}/${version}`, version }))
  return { name: group, versions, preferredVersion: versions[0] }
}

function resourceList(group: string, version: string): unknown {
  const served = KINDS.filter((kind) => kind.group === group && kind.versions.includes(version))
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionOf({ group }, version),
    resources: served.map(({ plural, singular, isNamespaced, kind, shortNames }) => ({
      name: plural,
      singularName: singular,
      namespaced: isNamespaced,
      kind,
      verbs: VERBS,
      ...(shortNames.length === 0 ? {} : { shortNames }),
    })),
  }
}

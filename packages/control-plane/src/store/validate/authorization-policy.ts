import { isIP } from 'node:net'
import {
  type AuthorizationCondition,
  type AuthorizationMatch,
  type AuthorizationOperation,
  type AuthorizationSource,
  type DubboAuthorizationPolicy,
  type MetaAuthorizationPolicy,
  type ResourcePath,
  type ResourceProblems,
  regexFault,
} from '@meltemi/api/resource'
import { checkHost } from './check-host.ts'
import { checkUnique } from './check-unique.ts'
import type { Loose } from './loose.ts'

const DRY_RUN = 'istio.io/dry-run'
const SPIFFE = 'spiffe://'
/** Of conditions: what their values are; `request.attributes[<name>]` besides. */
const KEYS: ReadonlyMap<string, 'address' | 'port' | 'text'> = new Map([
  ['source.ip', 'address'],
  ['remote.ip', 'address'],
  ['destination.ip', 'address'],
  ['destination.port', 'port'],
  ['source.namespace', 'text'],
  ['source.principal', 'text'],
  ['connection.sni', 'text'],
])
const ATTRIBUTE = /^request\.attributes\[[^\]]+\]$/
const MAX_PORT = 65_535

type Policy = Loose<MetaAuthorizationPolicy> | Loose<DubboAuthorizationPolicy>

export function checkAuthorizationPolicy({ spec, metadata, kind }: Policy, problems: ResourceProblems): void {
  if (spec === undefined) return
  const { hosts = [], rules = [], action = 'ALLOW' } = spec
  for (const [index, host] of hosts.entries()) checkHost(host, ['spec', 'hosts', index], problems)
  checkUnique(hosts, (index) => ['spec', 'hosts', index], problems)
  if (rules.length === 0 && (action === 'DENY' || action === 'AUDIT')) {
    const message = `without rules it fits no request, so ${action} does nothing`
    problems.warning({ code: 'nothing-to-do', path: ['spec'], message, fix: 'add rules; one that is {} fits them all' })
  }
  checkDryRun(metadata?.annotations?.[DRY_RUN], problems)
  for (const [index, { from = [] }] of rules.entries())
    for (const [at, { source }] of from.entries())
      checkPrincipals(source, ['spec', 'rules', index, 'from', at, 'source'], problems)
  if (kind !== 'MetaAuthorizationPolicy') return
  for (const [index, rule] of (spec as Loose<MetaAuthorizationPolicy['spec']>).rules?.entries() ?? [])
    checkRule(rule, ['spec', 'rules', index], problems)
}

function checkPrincipals(
  source: Loose<Pick<AuthorizationSource, 'principals' | 'notPrincipals'>> | undefined,
  path: ResourcePath,
  problems: ResourceProblems,
): void {
  for (const field of ['principals', 'notPrincipals'] as const)
    checkNames(source?.[field] ?? [], [...path, field], problems)
}

/** What no certificate can fit is no protection. */
function checkNames(names: readonly string[], path: ResourcePath, problems: ResourceProblems): void {
  for (const [index, name] of names.entries()) {
    if (!name.startsWith(SPIFFE)) continue
    const message = `fits nobody: the scheme ${SPIFFE} is put before it`
    const fix = `write ${name.slice(SPIFFE.length) || '*'}`
    problems.warning({ code: 'no-effect', path: [...path, index], message, fix })
  }
}

function checkDryRun(text: string | undefined, problems: ResourceProblems): void {
  if (text === undefined || text === 'true' || text === 'false') return
  const message = `expected "true" or "false", found ${JSON.stringify(text)}`
  problems.error({ code: 'invalid-value', path: ['metadata', 'annotations', DRY_RUN], message })
}

type Rule = Loose<NonNullable<MetaAuthorizationPolicy['spec']['rules']>[number]>

function checkRule({ from = [], to = [], when = [] }: Rule, path: ResourcePath, problems: ResourceProblems): void {
  for (const [index, { source }] of from.entries()) checkSource(source, [...path, 'from', index, 'source'], problems)
  for (const [index, { operation }] of to.entries())
    checkOperation(operation, [...path, 'to', index, 'operation'], problems)
  for (const [index, condition] of when.entries()) checkCondition(condition, [...path, 'when', index], problems)
}

function checkSource(
  source: Loose<AuthorizationSource> | undefined,
  path: ResourcePath,
  problems: ResourceProblems,
): void {
  for (const field of ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const)
    checkBlocks(source?.[field] ?? [], [...path, field], problems)
}

function checkOperation(
  operation: Loose<AuthorizationOperation> | undefined,
  path: ResourcePath,
  problems: ResourceProblems,
): void {
  for (const field of ['attributes', 'notAttributes'] as const)
    for (const [name, match] of Object.entries(operation?.[field] ?? {}))
      checkAttribute(name, match, [...path, field, name], problems)
}

function checkAttribute(
  name: string,
  match: Loose<AuthorizationMatch> | undefined,
  path: ResourcePath,
  problems: ResourceProblems,
): void {
  if (name === '') {
    const message = 'expected the name of a property'
    problems.error({ code: 'invalid-value', path, message, isAboutKey: true })
  }
  const { regex = '' } = match ?? {}
  const fault = regex === '' ? undefined : regexFault(regex)
  if (fault === undefined) return
  const fix = regex === '*' ? 'write .* for any value' : undefined
  const message = `${JSON.stringify(regex)} is not RE2: ${fault}`
  problems.error({ code: 'invalid-regex', path: [...path, 'regex'], message, fix })
}

function checkCondition(
  { key = '', values = [], notValues = [] }: Loose<AuthorizationCondition>,
  path: ResourcePath,
  problems: ResourceProblems,
): void {
  const kind = ATTRIBUTE.test(key) ? 'text' : KEYS.get(key)
  if (kind === undefined && key !== '') {
    const message = `there is no attribute ${JSON.stringify(key)}`
    const fix = `known are: ${[...KEYS.keys(), 'request.attributes[<name>]'].join(', ')}`
    problems.error({ code: 'invalid-value', path: [...path, 'key'], message, fix })
  }
  const lists = [['values', values] as const, ['notValues', notValues] as const]
  for (const [field, list] of lists) {
    if (kind === 'address') checkBlocks(list, [...path, field], problems)
    if (kind === 'port') checkPorts(list, [...path, field], problems)
    if (key === 'source.principal') checkNames(list, [...path, field], problems)
  }
}

function checkBlocks(blocks: readonly string[], path: ResourcePath, problems: ResourceProblems): void {
  for (const [index, block] of blocks.entries()) {
    if (isBlock(block)) continue
    const message = `expected an IP address or a range such as 10.0.0.0/8, found ${JSON.stringify(block)}`
    problems.error({ code: 'invalid-value', path: [...path, index], message })
  }
}

function isBlock(block: string): boolean {
  const [address = '', bits, ...more] = block.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0 || address.includes('%')) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

function checkPorts(ports: readonly string[], path: ResourcePath, problems: ResourceProblems): void {
  for (const [index, port] of ports.entries()) {
    if (/^[1-9]\d{0,4}$/.test(port) && Number(port) <= MAX_PORT) continue
    const message = `expected a port from 1 to ${MAX_PORT}, found ${JSON.stringify(port)}`
    problems.error({ code: 'invalid-value', path: [...path, index], message })
  }
}

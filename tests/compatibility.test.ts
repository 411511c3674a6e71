import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CONTRACT, CONTRACT_VERSIONS, loadModules } from '@meltemi/proxy'
import * as sdk from '@meltemi/sdk'
import { ROOT } from '../scripts/workspace.ts'
import { FROZEN, type FrozenModule, frozenModule, manifestOf } from './compatibility/frozen.ts'
import { MODES, versions } from './compatibility/mesh.ts'
import { compatibilityPage } from './compatibility/page.ts'
import { PROMISED_MEMBERS, PROMISED_NAMES } from './compatibility/promised.ts'
import { hasTest } from './promises/table.ts'

const PAGE = join(ROOT, 'docs/compatibility.md')
const SDK = join(ROOT, 'packages/sdk/src')
/** What an interface has, each with its question mark. */
const MEMBER = /^ {2}(?:readonly )?(\w+\??)[(:]/gm

/** What this proxy does with a module: what it brings, or why it is refused. */
async function outcomeOf({ file }: FrozenModule): Promise<string> {
  const { codecs, filters, problems } = await loadModules([file])
  if (problems.length > 0) return `refuses it: \`${problems.map(({ message }) => message).join('; ')}\``
  const names = [...codecs, ...filters].map(({ name }) => `\`${name}\``)
  return `runs ${names.join(', ')}`
}

function membersOf(file: string, name: string): readonly string[] {
  const source = readFileSync(join(SDK, file), 'utf8')
  const [, body = ''] = new RegExp(`^export interface ${name}(?:<.*>)? \\{\n([^]*?)^\\}`, 'm').exec(source) ?? []
  return [...body.matchAll(MEMBER)].map(([, member]) => member as string)
}

function optionalOf(name: string): readonly string[] {
  const members = membersOf('codec.ts', name).filter((member) => member.endsWith('?'))
  return members.map((member) => member.slice(0, -1))
}

test('modules that were built for a contract are kept as they were', () => {
  for (const { file, sha256 } of FROZEN) {
    assert.equal(createHash('sha256').update(readFileSync(file)).digest('hex'), sha256, file)
  }
  const { sha256, codecs } = manifestOf(frozenModule(1)) as { sha256: string; codecs: readonly { contract: number }[] }
  assert.equal(sha256, frozenModule(1).sha256)
  assert.deepEqual([...new Set(codecs.map(({ contract }) => contract))], [1])
})

test('there is a module of every contract that a proxy ever spoke, and of one to come', () => {
  const contracts = FROZEN.map(({ contract }) => contract)
  assert.deepEqual(contracts, [...CONTRACT_VERSIONS.map(({ contract }) => contract), CONTRACT + 1])
})

test('a codec of the draft before contract 1 is refused with a line that says what has changed', async () => {
  const outcome = await outcomeOf(frozenModule(0))
  assert.match(outcome, /codec 'meltemi\.frozen\.draft' is written for contract 0, this proxy speaks contract 1; since/)
  assert.match(outcome, /patchIds\(bytes, start, .*: adapt the codec and build it with @meltemi\/sdk 0\.1`$/)
})

test('a codec that was packed for contract 1 is loaded, and so is its filter', async () => {
  const names = ['frames', 'lines', 'wide', 'stamp'].map((name) => `\`meltemi.frozen.${name}\``)
  assert.equal(await outcomeOf(frozenModule(1)), `runs ${names.join(', ')}`)
})

test('a codec of a contract to come is refused with a line that says to upgrade the proxy', async () => {
  const outcome = await outcomeOf(frozenModule(2))
  assert.match(outcome, /'meltemi\.frozen\.future' is written for contract 2, .* contract 1: upgrade the proxy, or /)
})

test('what contract 1 promises is there: every name of the sdk, and every member', () => {
  const index = readFileSync(join(SDK, 'index.ts'), 'utf8')
  const lists = [...index.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].map(([, list]) => list as string)
  const names = lists.flatMap((list) => [...list.matchAll(/(?:type )?(\w+)/g)].map(([, name]) => name as string))
  assert.deepEqual(names.toSorted(), PROMISED_NAMES)
  const objects: Readonly<Record<string, object>> = {
    ReceiveBuffer: new sdk.ReceiveBuffer(),
    ByteWriter: new sdk.ByteWriter(),
    Metadata: new sdk.Metadata(),
    Mutation: new sdk.Mutation(),
  }
  const files = { Failure: 'failure.ts' } as Readonly<Record<string, string>>
  for (const [name, members] of Object.entries(PROMISED_MEMBERS)) {
    const object = objects[name]
    const found = object === undefined ? membersOf(files[name] ?? 'filter.ts', name) : undefined
    for (const member of members)
      assert.ok(found?.includes(member) ?? member in (object as object), `${name}.${member}`)
    if (found !== undefined) assert.deepEqual(found, members, name)
  }
})

test('docs/compatibility.md says what happens when these modules are loaded', async () => {
  const outcomes = []
  for (const module of FROZEN) outcomes.push({ module, outcome: await outcomeOf(module) })
  const optionalHooks = optionalOf('Codec')
  const optionalFields = optionalOf('CodecDefinition')
  assert.ok(optionalHooks.includes('patchIds') && optionalFields.includes('dialect'))
  const page = compatibilityPage({ outcomes, optionalHooks, optionalFields })
  if (process.env['UPDATE_DOCS'] !== undefined) writeFileSync(PAGE, page)
  assert.equal(readFileSync(PAGE, 'utf8'), page, 'UPDATE_DOCS=1 writes the page again')
})

test('every trial with Kubernetes and Istio that docs/compatibility.md claims is a test', () => {
  const trials = MODES.flatMap(({ kubernetes, istio }) => [kubernetes, istio])
  const claimed = trials.flatMap((trial) => ('untried' in trial ? [] : [trial]))
  assert.ok(claimed.length > 8)
  for (const { file, title } of claimed) assert.ok(hasTest(readFileSync(join(ROOT, file), 'utf8'), title), title)
  assert.match(versions().kubernetes, /^1\.\d+\.\d+$/)
  assert.match(versions().istio, /^its master of \d{4}-\d\d-\d\d \([0-9a-f]{12}\), before /)
})

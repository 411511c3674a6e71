import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { ROOT } from '../scripts/workspace.ts'
import { hasTest, parsePromises } from './promises/table.ts'

interface Role {
  readonly kind: string
  readonly rules?: readonly {
    readonly resources: readonly string[]
    readonly verbs: readonly string[]
  }[]
}

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const PAGE = read('docs/security.md')

/** Rows of the table below a heading, as lists of cells. */
function rowsOf(heading: string): readonly (readonly string[])[] {
  const [, rest = ''] = PAGE.split(`\n## ${heading}\n`)
  const [section = ''] = rest.split('\n## ')
  const lines = section.split('\n').filter((line) => line.startsWith('| '))
  return lines.slice(1).map((line) => line.slice(2, -2).split(' | '))
}

test('everything that somebody cannot do by docs/security.md has tests that exist', () => {
  const { proven, proofs, faults } = parsePromises(PAGE)
  assert.deepEqual(faults, [])
  assert.deepEqual(
    proven,
    proven.map((_, at) => `S.${at + 1}`),
  )
  assert.ok(proven.length >= 20)
  const missing = proofs.filter(({ file, title }) => !existsSync(join(ROOT, file)) || !hasTest(read(file), title))
  assert.deepEqual(missing, [])
})

test('its permissions are those of the manifests', () => {
  const stated = rowsOf('Permissions').flatMap(([what = '', verbs = '']) =>
    // behind a colon or comma stands which of them
    [...(what.split(/[:,]/)[0] as string).matchAll(/`([^`]+)`/g)].flatMap(([, resource]) =>
      verbs.split(' ').map((verb) => `${verb} ${resource}`),
    ),
  )
  const texts = ['permissions', 'webhook', 'instead-of-aeraki'].map((name) => read(`deploy/manifests/${name}.yaml`))
  const documents = texts.flatMap((text) => parseAllDocuments(text).map((one) => one.toJS() as Role))
  // a registration has rules, too
  const roles = documents.filter(({ kind }) => /Role$/.test(kind))
  const rules = roles.flatMap(({ rules = [] }) => rules)
  const given = rules.flatMap(({ resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
  )
  assert.deepEqual([...new Set(stated)].toSorted(), [...new Set(given)].toSorted())
})

test('its ports are the defaults of the commands, on loopback', () => {
  const commands = join('packages/cli/src/commands')
  const sources = ['proxy.ts', 'control-plane-options.ts', 'control-plane.ts', 'up.ts', 'ratelimit.ts']
  const defaults = sources.flatMap((file) => [
    ...read(join(commands, file)).matchAll(/host: '([\d.]+)', port: ([\d_]+)/g),
  ])
  assert.deepEqual([...new Set(defaults.map(([, host]) => host))], ['127.0.0.1'])
  const ports = new Set(defaults.map(([, , port]) => (port as string).replace('_', '')))
  const stated = rowsOf('Ports').flatMap(([port = '']) => (/^\d+$/.test(port) ? [port] : []))
  assert.deepEqual(stated.toSorted(), [...ports].toSorted())
})

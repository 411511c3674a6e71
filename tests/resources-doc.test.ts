import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatProblem, KINDS, PROBLEM_CODES, type Problem, parseResources } from '@meltemi/api'
import { analyze, validateResources } from '@meltemi/control-plane'
import { RESOURCES_PAGE, writeResourcesPage } from '../scripts/resources-page.ts'
import { ROOT } from '../scripts/workspace.ts'

const page = readFileSync(RESOURCES_PAGE, 'utf8')

test('docs/resources.md has every kind with its fields, and every code, as they are; scripts/resources-page.ts writes it', () => {
  assert.equal(page, writeResourcesPage(page), 'run scripts/resources-page.ts')
  for (const { kind } of KINDS) assert.ok(page.includes(`\n## ${kind}\n`), kind)
  for (const code of Object.keys(PROBLEM_CODES)) assert.ok(page.includes(`\n| \`${code}\` | `), code)
})

test('the resources that it shows are valid, and fit together', () => {
  const blocks = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text)
  assert.ok(blocks.length > 0)
  for (const text of blocks) {
    const { resources, problems } = parseResources(text, 'page.yaml')
    const options = { domain: 'cluster.local', listenHost: '127.0.0.1', defaultProtocols: [] }
    const codecs = ['aeraki.meta_protocol.codec.my_protocol']
    const all: readonly Problem[] = [
      ...problems,
      ...validateResources(resources),
      ...analyze(resources, { ...options, codecs }),
    ]
    assert.deepEqual(all.map(formatProblem), [])
  }
})

test('there is a test for every code', () => {
  const tests = globSync('packages/{api,control-plane,cli}/src/**/*.test.ts', { cwd: ROOT })
  const text = tests.map((file) => readFileSync(join(ROOT, file), 'utf8')).join('\n')
  assert.deepEqual(
    Object.keys(PROBLEM_CODES).filter((code) => !new RegExp(`\\b${code}\\b`).test(text)),
    [],
  )
})

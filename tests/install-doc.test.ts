import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { ROOT } from '../scripts/workspace.ts'

const PAGE = readFileSync(join(ROOT, 'docs/install.md'), 'utf8')
const VALUES = parse(readFileSync(join(ROOT, 'deploy/charts/meltemi/values.yaml'), 'utf8')) as Values

type Values = Readonly<Record<string, unknown>>

/** Whole values, as people set them. */
const WHOLE = /(?:^|\.)(?:resources|nodeSelector)$/

function leaves(value: unknown, path = ''): readonly (readonly [string, unknown])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || WHOLE.test(path)) return [[path, value]]
  return Object.entries(value).flatMap(([name, child]) => leaves(child, path === '' ? name : `${path}.${name}`))
}

test('docs/install.md has every value of the chart with its default', () => {
  const [, table = ''] = PAGE.split('## Values')
  const rows = [...table.matchAll(/^\| `([^`]+)` \| `([^`]+)` \|/gm)]
  const told = rows.map(([, path = '', text = '']) => [path, parse(text) as unknown])
  assert.ok(told.length > 20)
  assert.deepEqual(told, leaves(VALUES))
})

test('the schema of the chart knows each of its values', () => {
  const schema = JSON.parse(readFileSync(join(ROOT, 'deploy/charts/meltemi/values.schema.json'), 'utf8')) as Schema
  const unknown = Object.entries(VALUES).flatMap(([group, value]) => {
    const known = schema.properties[group]
    if (known === undefined) return [group]
    const names = Array.isArray(value) ? [] : Object.keys(value as object)
    return names.filter((name) => known.properties?.[name] === undefined).map((name) => `${group}.${name}`)
  })
  assert.deepEqual(unknown, [])
})

interface Schema {
  readonly properties: Readonly<Record<string, { readonly properties?: Values }>>
}

test('every file of the checkout that docs/install.md names exists', () => {
  const named = [...PAGE.matchAll(/\bdeploy\/[\w./-]*\w/g)].map(([path]) => path)
  assert.ok(named.length > 5)
  assert.deepEqual(
    named.filter((path) => !existsSync(join(ROOT, path))),
    [],
  )
})

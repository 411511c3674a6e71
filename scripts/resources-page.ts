/**
 * Writes kinds, fields and codes into docs/resources.md: `node --conditions=meltemi-source scripts/resources-page.ts`. Kinds
 * and fields are those of the definitions, codes those of the code.
 */

import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { apiVersionOf, findKind, PROBLEM_CODES } from '@meltemi/api'
import { parse } from 'yaml'
import { ROOT } from './workspace.ts'

export const RESOURCES_PAGE: string = join(ROOT, 'docs/resources.md')
/** All above is written by hand. */
const MARK = '<!-- from here on written by scripts/resources-page.ts -->\n'
const FOLDERS = ['deploy/crds', 'deploy/crds/standalone', 'packages/api/src/resource/schemas']

/** The parts of an OpenAPI schema that the page tells. */
interface Schema {
  readonly title?: string
  readonly description?: string
  readonly type?: string
  readonly enum?: readonly string[]
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema
  readonly items?: Schema
}

interface Definition {
  readonly spec: {
    readonly names: { readonly kind: string }
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[]
  }
}

/** The page as it should be: its own head, then every kind with its fields, and every code. */
export function writeResourcesPage(page: string): string {
  const head = page.slice(0, page.indexOf(MARK))
  const files = FOLDERS.flatMap((folder) => globSync(`${folder}/*.yaml`, { cwd: ROOT }).sort())
  const kinds = files.map((file) => kindSection(parse(readFileSync(join(ROOT, file), 'utf8'), { merge: true })))
  return `${head}${MARK}\n${kinds.join('\n')}\n${codeSection()}`
}

function kindSection({ spec }: Definition): string {
  const kind = findKind(spec.names.kind)
  const schema = spec.versions[0]?.schema.openAPIV3Schema
  if (kind === undefined || schema === undefined) throw new Error(`there is no kind ${spec.names.kind}`)
  const versions = kind.versions.map((version) => `\`${apiVersionOf(kind, version)}\``).join(', ')
  const names = [kind.plural, kind.singular, ...kind.shortNames].map((name) => `\`${name}\``).join(', ')
  const { apiVersion, kind: _, metadata, status, ...own } = schema.properties ?? {}
  const rows = rowsOf({ ...schema, properties: own }, '', new Map())
  return [
    `## ${kind.kind}\n\n${schema.description}\n`,
    `apiVersion ${versions}; ${kind.isNamespaced ? 'in a namespace' : 'one for the whole cluster'}; on the command line ${names}.\n`,
    `| field | value | meaning |\n|---|---|---|\n${rows.join('')}`,
  ].join('\n')
}

/** `seen`: types of this kind that have been explained, with the field that they were explained at. */
function rowsOf(schema: Schema, path: string, seen: Map<string, string>): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const here = path === '' ? name : `${path}.${name}`
    const needed = schema.required?.includes(name) ? ', needed' : ''
    return fieldRows(field, here, needed, seen)
  })
}

function fieldRows(field: Schema, path: string, needed: string, seen: Map<string, string>): readonly string[] {
  const inner = field.items ?? field.additionalProperties ?? field
  const innerPath = field.items ? `${path}[]` : field.additionalProperties ? `${path}.<name>` : path
  const known = inner.properties === undefined ? undefined : seen.get(inner.title ?? '')
  if (inner.properties !== undefined) seen.set(inner.title ?? '', known ?? innerPath)
  const as = known === undefined ? '' : ` Its fields are those of \`${known}\`.`
  const row = `| \`${path}\` | ${cell(valueOf(field) + needed)} | ${cell(`${field.description ?? ''}${as}`)} |\n`
  return known === undefined ? [row, ...rowsOf(inner, innerPath, seen)] : [row]
}

function valueOf(schema: Schema): string {
  if (schema.items) return schema.items.properties ? 'list' : `list: ${valueOf(schema.items)}`
  if (schema.additionalProperties)
    return schema.additionalProperties.properties ? 'mapping' : `mapping: ${valueOf(schema.additionalProperties)}`
  if (schema.properties) return 'mapping'
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ')
  if (schema.type === 'boolean') return '`true` or `false`'
  return schema.title ?? schema.type ?? ''
}

function codeSection(): string {
  const rows = Object.entries(PROBLEM_CODES).map(([code, meaning]) => `| \`${code}\` | ${cell(meaning)} |\n`)
  return `## Codes\n\n| code | meaning |\n|---|---|\n${rows.join('')}`
}

function cell(text: string): string {
  return text.trim().replaceAll('|', '\\|')
}

if (import.meta.main) writeFileSync(RESOURCES_PAGE, writeResourcesPage(readFileSync(RESOURCES_PAGE, 'utf8')))

import { parseDocuments } from '../document/parse-document.ts'
import { describeSource, type SourceNode, sourceToJson } from '../document/source-node.ts'
import type { Problem } from '../model/index.ts'
import { didYouMean } from '../schema/did-you-mean.ts'
import { ProblemList } from '../schema/problem-list.ts'
import { apiVersionOf, KINDS, type KindDefinition } from './kinds.ts'
import type { PlacedResource } from './placed-resource.ts'
import { readMetadata } from './read-metadata.ts'
import { keyOf, type Resource } from './resource.ts'
import { ResourceProblems } from './resource-problems.ts'
import { fieldOf, reportDuplicates, textOf } from './source-fields.ts'

export interface ParsedResources {
  /** What could be read as a resource of a known kind, in the order of the file. */
  readonly resources: readonly PlacedResource[]
  /** Of everything else, and of metadata, in the order of the file. */
  readonly problems: readonly Problem[]
}

const OWN_GROUP = 'metaprotocol.aeraki.io'
/** Other groups have a kind of this name, which is not meant; names of the other kinds are not used elsewhere. */
const COMMON_KIND = 'Service'
const BOOTSTRAP_FIELDS = [
  ...['static_resources', 'dynamic_resources', 'admin', 'node', 'bootstrap_extensions'],
  ...['staticResources', 'dynamicResources', 'bootstrapExtensions'],
]

/**
 * Reads resources as Kubernetes has them, in YAML or JSON: one or several documents, or lists. Never throws for what the
 * text says. A resource of another kind is skipped with a note. What is in `spec` is for validation to check.
 */
export function parseResources(text: string, file: string): ParsedResources {
  const syntax = new ProblemList(file)
  const sources = parseDocuments(text, syntax).flatMap(expandList)
  const results = sources.map((source) => readResource(source, file))
  return {
    resources: results.flatMap(({ resource }) => resource ?? []),
    problems: [
      ...syntax.sorted().map((each) => ({ ...each, code: 'unreadable' })),
      ...results.flatMap((each) => each.problems),
    ],
  }
}

/** The items of a `List`, and of lists such as `MetaRouterList`. */
function expandList(source: SourceNode): readonly SourceNode[] {
  const kind = textOf(source, 'kind')
  const items = fieldOf(source, 'items')
  if (kind === undefined || !kind.endsWith('List') || items?.kind !== 'list') return [source]
  return items.items.flatMap(expandList)
}

interface ReadResource {
  readonly resource: PlacedResource | undefined
  readonly problems: readonly Problem[]
}

function readResource(source: SourceNode, file: string): ReadResource {
  const problems = new ResourceProblems({ file, source })
  const definition = findDefinition(source, problems)
  const resource = definition && readKnown(source, definition, problems)
  const placed =
    problems.hasErrors || resource === undefined ? undefined : { key: keyOf(resource), resource, file, source }
  return { resource: placed, problems: problems.sorted() }
}

function readKnown(source: SourceNode, definition: KindDefinition, problems: ResourceProblems): Resource {
  reportDuplicates(source, [], problems)
  const metadata = readMetadata(source, definition, problems)
  const { status, ...rest } = sourceToJson(source) as Readonly<Record<string, unknown>>
  return { ...rest, metadata } as unknown as Resource // what `spec` holds is validated later
}

/** Undefined, with a problem or a note, for what is no resource that we act on. */
function findDefinition(source: SourceNode, problems: ResourceProblems): KindDefinition | undefined {
  const apiVersion = textOf(source, 'apiVersion')
  const kind = textOf(source, 'kind')
  if (apiVersion === undefined || kind === undefined) {
    problems.error({ code: 'not-a-resource', path: [], ...explainOther(source, kind ?? apiVersion) })
    return undefined
  }
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''
  const definition = KINDS.find((each) => each.kind === kind)
  if (definition !== undefined && versionsOf(definition).includes(apiVersion)) return definition
  if (definition !== undefined && (definition.group === group || kind !== COMMON_KIND)) {
    const fix = `write ${versionsOf(definition).join(' or ')}`
    const message = `${kind} is not known in the version ${apiVersion}`
    problems.error({ code: 'unknown-version', path: ['apiVersion'], message, fix })
  } else if (group === OWN_GROUP) reportUnknownKind(kind, problems)
  else problems.note({ code: 'skipped-kind', path: ['kind'], message: `${kind} of ${apiVersion} is skipped` })
  return undefined
}

function versionsOf(definition: KindDefinition): readonly string[] {
  return definition.versions.map((version) => apiVersionOf(definition, version))
}

function reportUnknownKind(kind: string, problems: ResourceProblems): void {
  const known = KINDS.filter(({ group }) => group === OWN_GROUP).map((each) => each.kind)
  const fix = `did you mean ${didYouMean(kind, known) ?? known.join(' or ')}?`
  problems.error({ code: 'unknown-kind', path: ['kind'], message: `there is no kind ${kind} in ${OWN_GROUP}`, fix })
}

function explainOther(source: SourceNode, envelope: string | undefined): { message: string; fix?: string } {
  if (source.kind !== 'map') return { message: `expected a resource, found ${describeSource(source)}` }
  if (envelope === undefined && BOOTSTRAP_FIELDS.some((field) => fieldOf(source, field) !== undefined))
    return {
      message: 'is the bootstrap of a proxy, not a resource',
      fix: 'use `meltemi proxy --config FILE --mode validate`',
    }
  return { message: 'a resource has an apiVersion and a kind' }
}

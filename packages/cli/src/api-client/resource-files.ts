/** `-f`: resources from files, folders and standard input. */

import { text } from 'node:stream/consumers'
import {
  formatProblem,
  loadResources,
  type ParsedResources,
  type PlacedResource,
  parseResources,
  type Resource,
  type SourceNode,
} from '@meltemi/api/resource'
import { CommandError } from '../command-error.ts'
import { type Console, printLine } from '../console.ts'

const MAX_STDIN_BYTES = 64 * 1024 * 1024

export interface FileOptions {
  /** Of `-n`: for resources that name none; undefined: `default`. */
  readonly namespace: string | undefined
  readonly console: Console
}

/**
 * Every resource in the order of the files. Throws a CommandError with all faults when anything cannot be read, or when
 * there is nothing: nothing is done by halves.
 */
export async function readResourceFiles(paths: readonly string[], options: FileOptions): Promise<readonly Resource[]> {
  const parsed: ParsedResources[] = []
  for (const path of paths) parsed.push(path === '-' ? parseResources(await readStdin(), 'STDIN') : loadResources(path))
  const problems = parsed.flatMap((each) => each.problems)
  for (const problem of problems) {
    if (problem.severity !== 'error') printLine(options.console, 'warning', formatProblem(problem))
  }
  const errors = problems.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) throw new CommandError(errors.map(formatProblem))
  const resources = parsed.flatMap((each) => each.resources)
  if (resources.length === 0) throw new CommandError(['no resources were found in what -f names'])
  return resources.map((placed) => inNamespace(placed, options.namespace))
}

function inNamespace({ resource, source }: PlacedResource, namespace: string | undefined): Resource {
  const { metadata } = resource
  if (namespace === undefined || metadata.namespace === '') return resource
  if (!namesNamespace(source)) return { ...resource, metadata: { ...metadata, namespace } } as Resource
  if (metadata.namespace === namespace) return resource
  const reason = `the namespace of the object "${metadata.namespace}" does not match the namespace "${namespace}"`
  throw new CommandError([`${metadata.name}: ${reason}. You must pass '--namespace=${metadata.namespace}'.`])
}

function namesNamespace(source: SourceNode): boolean {
  const metadata = source.kind === 'map' ? source.entries.findLast(({ key }) => key === 'metadata')?.value : undefined
  return metadata?.kind === 'map' && metadata.entries.some(({ key }) => key === 'namespace')
}

async function readStdin(): Promise<string> {
  const all = await text(process.stdin)
  if (all.length > MAX_STDIN_BYTES) throw new CommandError(['STDIN: more than 64 MiB'])
  return all
}

/**
 * Loads the files that bring codecs and filters. Every thread loads them itself, by the same list of paths, since
 * functions cannot be sent to workers. Modules are trusted code: they run with the rights of the proxy.
 */

import { existsSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Problem } from '@meltemi/api'
import type { CodecDefinition, FilterDefinition } from '@meltemi/sdk'
import { contractFault } from './contract-versions.ts'
import {
  digestOf,
  isDelivered,
  type ModuleVersion,
  type SourceFile,
  unreadVersion,
  withoutVersions,
} from './modules/module-version.ts'
import { importSources } from './modules/source-hooks.ts'

const LOAD_TIMEOUT_MS = 10_000

/** What one module brings. */
export interface LoadedModule {
  readonly version: ModuleVersion
  readonly codecs: readonly CodecDefinition[]
  readonly filters: readonly FilterDefinition[]
}

export interface LoadedModules {
  readonly modules: readonly LoadedModule[]
  /** Of all modules, in order. */
  readonly codecs: readonly CodecDefinition[]
  readonly filters: readonly FilterDefinition[]
  readonly problems: readonly Problem[]
}

/** The paths or `file:` URLs as absolute paths, each once. */
export function absoluteModulePaths(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.map((path) => (path.startsWith('file:') ? fileURLToPath(path) : resolve(path))))]
}

/**
 * Imports the modules in order from the disk and checks what they export. Never throws: what is wrong is in
 * `problems`, and then the rest must not be used. A module finds the proxy's own `@meltemi/sdk`, wherever it lies,
 * when it imports it statically.
 */
export async function loadModules(paths: readonly string[]): Promise<LoadedModules> {
  const versions = absoluteModulePaths(paths).map((path, index) => unreadVersion(path, index + 1, 1))
  return loadVersions(versions)
}

/** Like `loadModules`; versions that have their files are loaded from these. */
export async function loadVersions(versions: readonly ModuleVersion[]): Promise<LoadedModules> {
  const modules: LoadedModule[] = []
  const problems: Problem[] = []
  for (const version of versions) {
    const loaded = await loadVersion(version)
    modules.push(loaded)
    problems.push(...loaded.problems)
  }
  const codecs = modules.flatMap((loaded) => loaded.codecs)
  const filters = modules.flatMap((loaded) => loaded.filters)
  const fixed = modules.filter(({ version }) => !isDelivered(version))
  problems.push(
    ...duplicates(
      fixed.flatMap((loaded) => loaded.codecs),
      'codec',
    ),
    ...duplicates(filters, 'filter'),
  )
  return { modules, codecs, filters, problems }
}

interface Loading {
  readonly codecs: CodecDefinition[]
  readonly filters: FilterDefinition[]
  readonly problems: Problem[]
}

/** One module; the version that comes back has its files and digest. */
async function loadVersion(version: ModuleVersion): Promise<LoadedModule & { readonly problems: readonly Problem[] }> {
  const { path } = version
  const into: Loading = { codecs: [], filters: [], problems: [] }
  const known = new Map(version.files.map((file) => [file.url, file]))
  const report = (message: string, line = 0, column = 0): void => {
    into.problems.push({ severity: 'error', file: path, line, column, path: '', message })
  }
  if (known.size === 0 && !existsSync(path)) report('module does not exist')
  else {
    try {
      const entry = version.files[0]?.url ?? pathToFileURL(path).href
      takeExports(await inTime(importSources({ entry, version: version.version, known })), into, report)
    } catch (error: unknown) {
      const place = placeOf(error, path)
      report(`module cannot be loaded: ${describe(error, place?.other)}`, place?.line, place?.column)
    }
  }
  return { version: { ...version, ...describeModule([...known.values()], into) }, ...into }
}

function describeModule(files: readonly SourceFile[], { codecs, filters }: Loading): Partial<ModuleVersion> {
  return {
    files,
    digest: digestOf(files),
    codecs: codecs.map(({ name, contract, correlation }) => ({ name, contract, correlation })),
    filters: filters.map(({ name }) => name),
  }
}

/** A module that comes with the proxy: every thread loads it from the disk, and it is never reloaded. */
export function builtIn(version: ModuleVersion): ModuleVersion {
  return { ...version, files: [], digest: '' }
}

async function inTime<T>(loading: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const message = `it has not finished loading after ${LOAD_TIMEOUT_MS / 1000} s`
  const timer = setTimeout(() => late.reject(new Error(message)), LOAD_TIMEOUT_MS)
  try {
    return await Promise.race([loading, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

function takeExports(exports: Record<string, unknown>, into: Loading, report: (message: string) => void): void {
  const { codecs, filters } = exports
  if (codecs === undefined && filters === undefined) {
    report("module exports neither 'codecs' nor 'filters', which should be arrays")
  }
  take(codecs, 'codecs', codecFault, into.codecs, report)
  take(filters, 'filters', filterFault, into.filters, report)
}

/** Adds the entries of one exported array that are what they should be, and reports the others. */
function take<T>(
  list: unknown,
  name: string,
  faultOf: (entry: Record<string, unknown>) => string | undefined,
  into: T[],
  report: (message: string) => void,
): void {
  if (list === undefined) return
  if (!Array.isArray(list)) {
    report(`'${name}' should be an array, and is ${kindOf(list)}`)
    return
  }
  for (const [index, entry] of list.entries()) {
    const fault = isObject(entry) ? faultOf(entry) : `should be an object, and is ${kindOf(entry)}`
    if (fault === undefined) into.push(entry as T)
    else report(`${name}[${index}]: ${fault}`)
  }
}

function codecFault(codec: Record<string, unknown>): string | undefined {
  if (!isName(codec['name'])) return "'name' should be a text that is not empty"
  const who = `codec '${codec['name']}'`
  const fault = contractFault(codec['contract'])
  if (fault !== undefined) return `${who} ${fault}`
  if (codec['correlation'] !== 'id' && codec['correlation'] !== 'order') {
    return `${who}: 'correlation' should be 'id' or 'order'`
  }
  return typeof codec['create'] === 'function' ? undefined : `${who}: 'create' should be a function`
}

function filterFault(filter: Record<string, unknown>): string | undefined {
  if (!isName(filter['name'])) return "'name' should be a text that is not empty"
  const who = `filter '${filter['name']}'`
  if (!isName(filter['typeUrl'])) return `${who}: 'typeUrl' should be a text that is not empty`
  const missing = ['parse', 'create'].find((method) => typeof filter[method] !== 'function')
  return missing === undefined ? undefined : `${who}: '${missing}' should be a function`
}

function duplicates(definitions: readonly { readonly name: string }[], kind: string): readonly Problem[] {
  const names = definitions.map((definition) => definition.name)
  const twice = new Set(names.filter((name, index) => names.indexOf(name) < index))
  return [...twice].map((name) => ({
    severity: 'error',
    file: '',
    line: 0,
    column: 0,
    path: '',
    message: `two modules bring the ${kind} '${name}'`,
  }))
}

/** Where in a module, or in a file that it imports, an error arose; undefined when the error does not tell. */
function placeOf(
  error: unknown,
  path: string,
): { line: number; column: number; other: string | undefined } | undefined {
  const stack = error instanceof Error ? withoutVersions(error.stack ?? '') : ''
  const match = /(?:file:\/\/)?(\/[^\s():]+):(\d+)(?::(\d+))?/.exec(stack)
  if (match === null || !isAbsolute(match[1] as string)) return undefined
  const [, file, line, column] = match
  if (file !== path) return { line: 0, column: 0, other: `${file}:${line}` }
  return { line: Number(line), column: Number(column ?? 1), other: undefined }
}

function describe(error: unknown, place: string | undefined): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : `it threw ${JSON.stringify(error)}`
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return place === undefined ? line : `${line} (${place})`
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value
}

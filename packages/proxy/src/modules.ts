/**
 * Loads the files that bring codecs and filters. Every thread loads them itself, by the same list of paths, since
 * functions cannot be sent to workers. Modules are trusted code: they run with the rights of the proxy.
 */

import { existsSync } from 'node:fs'
import { type RegisterHooksOptions, registerHooks } from 'node:module'
import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Problem } from '@meltemi/api'
import type { CodecDefinition, FilterDefinition } from '@meltemi/sdk'
import { contractFault } from './contract-versions.ts'

const LOAD_TIMEOUT_MS = 10_000
const SHARED_PACKAGES = ['@meltemi/sdk', '@meltemi/sdk/testing']

export interface LoadedModules {
  readonly codecs: readonly CodecDefinition[]
  readonly filters: readonly FilterDefinition[]
  readonly problems: readonly Problem[]
}

/** The paths or `file:` URLs as absolute paths, each once. */
export function absoluteModulePaths(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.map((path) => (path.startsWith('file:') ? fileURLToPath(path) : resolve(path))))]
}

/**
 * Imports the modules in order and checks what they export. Never throws: what is wrong is in `problems`, and then
 * the rest must not be used. A module finds the proxy's own `@meltemi/sdk`, wherever it lies, when it imports it
 * statically.
 */
export async function loadModules(paths: readonly string[]): Promise<LoadedModules> {
  const loaded = { codecs: [] as CodecDefinition[], filters: [] as FilterDefinition[], problems: [] as Problem[] }
  const hooks = registerHooks(OWN_SDK)
  try {
    for (const path of absoluteModulePaths(paths)) await loadModule(path, loaded)
  } finally {
    hooks.deregister()
  }
  loaded.problems.push(...duplicates(loaded.codecs, 'codec'), ...duplicates(loaded.filters, 'filter'))
  return loaded
}

/** One copy of the sdk in a thread, and no installation beside a lone module: it resolves as if this file asked. */
const OWN_SDK: RegisterHooksOptions = {
  resolve(specifier, context, nextResolve) {
    const own = SHARED_PACKAGES.includes(specifier)
    return nextResolve(specifier, own ? { ...context, parentURL: import.meta.url } : context)
  },
}

interface Loading {
  readonly codecs: CodecDefinition[]
  readonly filters: FilterDefinition[]
  readonly problems: Problem[]
}

async function loadModule(path: string, into: Loading): Promise<void> {
  const report = (message: string, line = 0, column = 0): void => {
    into.problems.push({ severity: 'error', file: path, line, column, path: '', message })
  }
  if (!existsSync(path)) return report('module does not exist')
  try {
    takeExports(await importInTime(path), into, report)
  } catch (error: unknown) {
    const place = placeOf(error, path)
    report(`module cannot be loaded: ${describe(error, place?.other)}`, place?.line, place?.column)
  }
}

async function importInTime(path: string): Promise<Record<string, unknown>> {
  const late = Promise.withResolvers<never>()
  const message = `it has not finished loading after ${LOAD_TIMEOUT_MS / 1000} s`
  const timer = setTimeout(() => late.reject(new Error(message)), LOAD_TIMEOUT_MS)
  try {
    return await Promise.race([import(pathToFileURL(path).href), late.promise])
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
  const stack = error instanceof Error ? (error.stack ?? '') : ''
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

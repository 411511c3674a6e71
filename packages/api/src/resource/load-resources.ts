import { readdirSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { readText } from '../document/read-text.ts'
import { type ParsedResources, parseResources } from './parse-resources.ts'

const EXTENSIONS = ['.yaml', '.yml', '.json']
/** Of one folder; more are refused. */
const MAX_FILES = 10_000

/**
 * `parseResources` of a file, or of all files of a folder that end in .yaml, .yml or .json, in the order of their names,
 * without those whose names begin with a dot. Folders in it are not entered. What cannot be read is a problem like any other.
 */
export function loadResources(path: string): ParsedResources {
  const found = listFiles(path)
  if ('fault' in found) return unreadable(path, found.fault)
  const parsed = found.files.map(loadFile)
  return {
    resources: parsed.flatMap(({ resources }) => resources),
    problems: parsed.flatMap(({ problems }) => problems),
  }
}

function loadFile(file: string): ParsedResources {
  const text = readText(file)
  return typeof text === 'string' ? parseResources(text, file) : unreadable(file, text.fault)
}

function listFiles(path: string): { readonly files: readonly string[] } | { readonly fault: string } {
  try {
    if (!statSync(path).isDirectory()) return { files: [path] }
    const files = readdirSync(path, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && isResourceFile(entry.name))
      .map((entry) => join(path, entry.name))
      .sort()
    return files.length > MAX_FILES ? { fault: `has ${files.length} files, more than ${MAX_FILES}` } : { files }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return { fault: code === 'ENOENT' ? 'no such file or folder' : `cannot be read: ${code ?? message}` }
  }
}

/** Whether a file of a folder is one of its resource files. */
export function isResourceFile(name: string): boolean {
  return !name.startsWith('.') && EXTENSIONS.includes(extname(name))
}

function unreadable(file: string, message: string): ParsedResources {
  const problem = { severity: 'error', file, line: 0, column: 0, path: '', message, code: 'unreadable' } as const
  return { resources: [], problems: [problem] }
}

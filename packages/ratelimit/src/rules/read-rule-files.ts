import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type RuleFile, RulesError } from './parse-rules.ts'

const MAX_FILES = 1_000
const MAX_BYTES = 16 * 1024 * 1024

/**
 * The text of one file, or of all files of a folder that end in .yaml, .yml or .json. Folders in it are not entered, and
 * names that begin with a dot are left out. Throws `RulesError` when there is none, or one that cannot be read: rules
 * that are gone for a moment must not open every gate.
 */
export async function readRuleFiles(path: string): Promise<readonly RuleFile[]> {
  const names = await listFiles(path)
  if (names.length > MAX_FILES) throw new RulesError([`${path}: more than ${MAX_FILES} files`])
  const files: RuleFile[] = []
  let left = MAX_BYTES
  for (const name of names) {
    const file = await readRuleFile(name, left)
    left -= file.text.length
    files.push(file)
  }
  return files
}

async function listFiles(path: string): Promise<readonly string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path]
    const names = (await readdir(path)).filter((name) => /^[^.].*\.(?:ya?ml|json)$/.test(name))
    if (names.length > 0) return names.sort().map((name) => join(path, name))
  } catch (error: unknown) {
    throw new RulesError([`${path}: ${faultOf(error)}`])
  }
  throw new RulesError([`${path}: the folder has no file that ends in .yaml, .yml or .json`])
}

async function readRuleFile(name: string, maxBytes: number): Promise<RuleFile> {
  try {
    if ((await stat(name)).size > maxBytes) throw new RulesError([`${name}: rules have more than ${MAX_BYTES} bytes`])
    return { name, text: new TextDecoder('utf-8', { fatal: true }).decode(await readFile(name)) }
  } catch (error: unknown) {
    if (error instanceof RulesError) throw error
    throw new RulesError([`${name}: ${error instanceof TypeError ? 'is not UTF-8 text' : faultOf(error)}`])
  }
}

function faultOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'ENOENT' ? 'no such file or folder' : `cannot be read: ${code ?? message}`
}

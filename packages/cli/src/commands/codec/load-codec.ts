import { existsSync } from 'node:fs'
import { formatProblem } from '@meltemi/api'
import { loadModules } from '@meltemi/proxy'
import type { CodecDefinition } from '@meltemi/sdk'
import { CommandError } from '../../command-error.ts'
import { codecs as builtIn, builtInModule } from '../../modules.ts'

export interface LoadedCodec {
  readonly definition: CodecDefinition
  /** The file that it comes from. */
  readonly file: string
}

/**
 * The codec of a module file, or the built-in one of this name (`thrift`, or in full). `name` says which, where the
 * module exports several. Throws a CommandError with what is wrong.
 */
export async function loadCodec(fileOrName: string, name?: string): Promise<LoadedCodec> {
  const known = builtInCodec(fileOrName)
  if (known !== undefined) return { definition: known, file: builtInModule }
  const { codecs, problems } = await loadModules([fileOrName])
  if (problems.length > 0) throw new CommandError(problems.map(formatProblem))
  return { definition: choose(codecs, fileOrName, name), file: fileOrName }
}

/** The file that `loadCodec` would load, without loading it. Throws a CommandError when there is none. */
export function findCodecFile(fileOrName: string): string {
  if (builtInCodec(fileOrName) !== undefined) return builtInModule
  if (existsSync(fileOrName)) return fileOrName
  throw new CommandError([`${fileOrName}: no such file, and no built-in codec of this name`])
}

/** A file goes before a name. */
function builtInCodec(fileOrName: string): CodecDefinition | undefined {
  if (existsSync(fileOrName)) return undefined
  return builtIn.find(({ name }) => name === fileOrName || name.endsWith(`.${fileOrName}`))
}

function choose(codecs: readonly CodecDefinition[], file: string, name: string | undefined): CodecDefinition {
  const names = codecs.map((codec) => codec.name).join(', ')
  if (name !== undefined) {
    const found = codecs.find((codec) => codec.name === name)
    if (found === undefined) throw new CommandError([`${file} has no codec '${name}', it has ${names || 'none'}`])
    return found
  }
  const [only, ...others] = codecs
  if (only === undefined) throw new CommandError([`${file} exports no codec`])
  if (others.length > 0) throw new CommandError([`${file} exports several codecs, choose one by --codec: ${names}`])
  return only
}

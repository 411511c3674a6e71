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
  const known = builtIn.find((codec) => codec.name === fileOrName || codec.name.endsWith(`.${fileOrName}`))
  if (known !== undefined && !existsSync(fileOrName)) return { definition: known, file: builtInModule }
  const { codecs, problems } = await loadModules([fileOrName])
  if (problems.length > 0) throw new CommandError(problems.map(formatProblem))
  return { definition: choose(codecs, fileOrName, name), file: fileOrName }
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

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CommandError } from '../../command-error.ts'
import { builtInModule } from '../../modules.ts'

/** The folder `samples` beside a codec's file. Throws a CommandError when there is none. */
export function findSamples(file: string): string {
  const folder = join(dirname(file), 'samples')
  if (file !== builtInModule && existsSync(folder)) return folder
  const place = file === builtInModule ? 'a built-in codec brings none' : `there is no ${folder}`
  throw new CommandError([`no samples: ${place}; name them by --samples`])
}

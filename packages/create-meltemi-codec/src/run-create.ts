/** The command: reads its arguments, says what is wrong with them in one line, and what to do with the project next. */

import { existsSync, readdirSync, statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { createProject, type Project, type Tarball } from './create-project.ts'
import { FRAMINGS, type Framing, isFraming } from './framing.ts'

const DEFAULT_FRAMING: Framing = 'length'
/** A Kubernetes name of 63 characters is made from it. */
const MAX_NAME_LENGTH = 40

export interface CreateContext {
  /** What a user types to get these arguments here. */
  typed(name: string, options?: string): string
  /** Relative paths start here. */
  readonly directory: string
  write(text: string): void
  writeError(text: string): void
  /** Packs the packages that the project then brings along; without it they come from the registry. */
  pack?(): readonly Tarball[]
}

/** Creates a project and returns the exit code: 0, or 1 after one line on what was wrong. */
export function runCreate(args: readonly string[], context: CreateContext): number {
  try {
    const options = parseOptions(args, context)
    if (options === undefined) {
      context.write(helpText(context))
      return 0
    }
    assertFree(options.directory)
    createProject({ ...options, tarballs: context.pack?.() ?? [] })
    context.write(nextSteps(options, context))
    return 0
  } catch (error: unknown) {
    const text = error instanceof Error ? error.message : String(error)
    context.writeError(`error: ${text}\n`)
    return 1
  }
}

/** Undefined when help is asked for; throws when something is not as it should be. */
function parseOptions(args: readonly string[], context: CreateContext): Omit<Project, 'tarballs'> | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      dir: { type: 'string' },
      framing: { type: 'string', default: DEFAULT_FRAMING },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  const [name, surplus] = positionals
  if (name === undefined) throw new Error(`the name of the protocol is missing: ${context.typed('my-protocol')}`)
  if (surplus !== undefined) throw new Error(`one name is enough, got also '${surplus}'`)
  assertName(name)
  const { framing } = values
  if (!isFraming(framing)) throw new Error(`--framing is ${Object.keys(FRAMINGS).join(', ')}, got '${framing}'`)
  return { name, framing, directory: resolve(context.directory, values.dir ?? name) }
}

function assertName(name: string): void {
  if (name.length > MAX_NAME_LENGTH) {
    throw new Error(`the name has ${name.length} characters, at most ${MAX_NAME_LENGTH} are allowed`)
  }
  if (/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(name)) return
  throw new Error(
    `'${name}' is no name: lower case letters and digits with single hyphens between them, a letter first`,
  )
}

function assertFree(directory: string): void {
  if (!existsSync(directory)) return
  if (!statSync(directory).isDirectory()) throw new Error(`${directory} is a file`)
  if (readdirSync(directory).length > 0) throw new Error(`${directory} is not empty`)
}

function nextSteps({ name, directory }: Omit<Project, 'tarballs'>, context: CreateContext): string {
  const folder = relative(context.directory, directory)
  const enter = folder === '' ? '' : `  cd ${folder.startsWith('..') ? directory : folder}\n`
  return `${name} is in ${directory}. Next:\n\n${enter}  npm install\n  npm test\n  npm start\n`
}

function helpText({ typed }: CreateContext): string {
  const framings = Object.entries(FRAMINGS).map(([name, { description }]) => `  ${name.padEnd(14)}${description}\n`)
  return `Creates a project for a protocol of your own: codec, tests, samples, server, client, proxy and mesh resources.

Usage: ${typed('<name>', '[options]')}

  <name>        the protocol: lower case letters, digits and single hyphens, at most ${MAX_NAME_LENGTH} characters

Options:
  --dir DIR     where to put it; must be empty or not exist (default: ./<name>)
  --framing F   how messages are told apart, see below (default: ${DEFAULT_FRAMING})
  -h, --help    this text

Framings:
${framings.join('')}
Examples:
  $ ${typed('my-protocol')}
  $ ${typed('my-protocol', '--dir codecs/my-protocol --framing delimiter')}

Exit code: 0, or 1 after one line on stderr that says what is wrong.
`
}

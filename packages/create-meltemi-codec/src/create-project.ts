/** Writes a project: the files that all framings share, those of one framing, with the protocol's name in them. */

import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FRAMINGS, type Framing } from './framing.ts'

const TEMPLATE = fileURLToPath(new URL('../template', import.meta.url))
/** npm leaves files of some names out of a package, so the template has them under others. */
const RENAMED: ReadonlyMap<string, string> = new Map([['_gitignore', '.gitignore']])
const VENDOR = 'vendor'

/** A package as a file, in place of one from the registry. */
export interface Tarball {
  readonly name: string
  readonly file: string
}

export interface Project {
  /** Lower case letters and digits, with single hyphens between them; it starts with a letter. */
  readonly name: string
  /** Made when it does not exist. What is in it already is kept, unless the project has a file of that name. */
  readonly directory: string
  readonly framing: Framing
  /** Put into the project, which then depends on these files and not on published versions. */
  readonly tarballs: readonly Tarball[]
}

/** Throws what the file system throws. */
export function createProject(project: Project): void {
  for (const part of ['common', project.framing]) copyTemplate(join(TEMPLATE, part), project)
  if (project.tarballs.length > 0) vendor(project)
}

function copyTemplate(folder: string, project: Project): void {
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const source = join(folder, path)
    if (!statSync(source).isFile()) continue
    const parent = join(project.directory, dirname(path))
    const name = basename(path)
    mkdirSync(parent, { recursive: true })
    const text = readFileSync(source, 'utf8')
    writeFileSync(join(parent, RENAMED.get(name) ?? name), personalise(text, project))
  }
}

/** The template is a project too, for a protocol `my-protocol`, so that it can be read as it is. */
function personalise(text: string, { name, framing }: Project): string {
  const words = name.split('-')
  const { hello, bye } = FRAMINGS[framing]
  return text
    .replaceAll('my-protocol', name)
    .replaceAll('my_protocol', words.join('_'))
    .replaceAll('myprotocol', words.join(''))
    .replaceAll('MyProtocol', words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(''))
    .replaceAll('HELLO_COMMAND', hello)
    .replaceAll('BYE_COMMAND', bye)
}

function vendor({ directory, tarballs }: Project): void {
  mkdirSync(join(directory, VENDOR), { recursive: true })
  const path = join(directory, 'package.json')
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as object
  for (const { file } of tarballs) copyFileSync(file, join(directory, VENDOR, basename(file)))
  const dependencies = Object.fromEntries(tarballs.map(({ name, file }) => [name, `file:${VENDOR}/${basename(file)}`]))
  writeFileSync(path, `${JSON.stringify({ ...manifest, dependencies }, null, 2)}\n`)
}

/** Makes one module of a codec and all that it imports. The bundler is known to this file alone. */

import { isBuiltin } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildFailure, build, type Message, type Metafile, type Plugin } from 'esbuild'
import { CommandError } from '../command-error.ts'
import { type BundledFile, describeSources, type SourceFile } from './source-file.ts'

export interface BundleOptions {
  /** Absolute path of the module. */
  readonly file: string
  /** Absolute path of the folder of the project. */
  readonly project: string
  /** Keeps only this one of its codecs. */
  readonly codec: string | undefined
}

export interface Bundle {
  readonly code: string
  /** Where its code comes from. */
  readonly sources: readonly SourceFile[]
  /** Packages that are not there, where the importer is ready for that. */
  readonly missing: readonly string[]
}

type Output = Metafile['outputs'][string]

const ENTRY = '<packed>'
const MAX_BYTES = 32 << 20
const MAX_FAULTS = 20
/** As Node itself resolves in this process: a checkout runs from its sources. */
const CONDITIONS = import.meta.url.endsWith('.ts') ? ['meltemi-source'] : []
const NO_IMPORTS = ': a packed codec imports nothing when it runs'
/** What would stay in the bundle, to be searched for on the machine where it runs. */
const UNBUNDLED = ['indirect-require', 'unsupported-dynamic-import', 'unsupported-require-call']
/** A comment, or the key of a CommonJS module; in both, of a pattern that is required, `require("./*") in FILE`. */
const FILE_NAME = /^(\/\/ (?:\w+\("[^"]*"\) in )?| {2}["'](?:\w+\("[^"]*"\) in )?)(.+?)(["']\([\w, ]*\) \{)?$/gm
const CREATE_REQUIRE = `import { createRequire as createPackedRequire } from 'node:module'
const require = createPackedRequire(import.meta.url)
`

/**
 * Bundles the module with everything but Node's own modules: the same sources give the same code wherever they lie.
 * Throws a CommandError with file and line of all that cannot be bundled.
 */
export async function bundle(options: BundleOptions): Promise<Bundle> {
  const { metafile, text } = await buildOrRefuse(options)
  // the one question to the machine that the bundler says nothing about
  if (text.includes('__require.resolve')) throw new CommandError([`${options.file}: require.resolve${NO_IMPORTS}`])
  const output = Object.values(metafile.outputs)[0] as Output
  const sources = describeSources(filesOf(metafile, output), options.project)
  const code = `${needsRequire(output) ? CREATE_REQUIRE : ''}${withStableNames(text, sources)}`
  if (code.length > MAX_BYTES) throw new CommandError([`${options.file}: packed, it exceeds ${MAX_BYTES} bytes`])
  return { code, sources, missing: missingPackages(metafile, options.project) }
}

async function buildOrRefuse(options: BundleOptions): Promise<{ metafile: Metafile; text: string }> {
  try {
    const { metafile, outputFiles } = await build({
      stdin: { contents: entryOf(options), resolveDir: dirname(options.file), sourcefile: ENTRY },
      absWorkingDir: options.project,
      bundle: true,
      write: false,
      metafile: true,
      platform: 'node',
      format: 'esm',
      target: 'node22',
      charset: 'utf8',
      legalComments: 'inline',
      conditions: CONDITIONS,
      mainFields: ['main'],
      define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
      // types are stripped as Node does it, whatever the project's own settings say
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
      plugins: [ownSdk, javaScriptOnly],
      logLevel: 'silent',
      logOverride: Object.fromEntries(UNBUNDLED.map((id) => [id, 'error'])),
    })
    return { metafile, text: outputFiles[0]?.text ?? '' }
  } catch (error: unknown) {
    if (!isBuildFailure(error)) throw error
    throw new CommandError(error.errors.slice(0, MAX_FAULTS).map((fault) => describeFault(fault, options)))
  }
}

function filesOf({ inputs }: Metafile, output: Output): readonly BundledFile[] {
  return Object.entries(inputs).map(([bundledAs, { imports }]) => ({
    bundledAs,
    isIncluded: (output.inputs[bundledAs]?.bytesInOutput ?? 0) > 0,
    imports: imports.map(({ path }) => path),
  }))
}

/** What the bundle exports: all that the module does, and of its codecs one or all. */
function entryOf({ file, codec }: BundleOptions): string {
  const from = JSON.stringify(`./${basename(file)}`)
  const everything = `export * from ${from}\n`
  if (codec === undefined) return everything
  const chosen = `all.filter((codec) => codec.name === ${JSON.stringify(codec)})`
  return `${everything}import { codecs as all } from ${from}\nexport const codecs = ${chosen}\n`
}

/** One contract in a bundle, that of this command, as the proxy does it for modules that are not packed. */
const ownSdk: Plugin = {
  name: 'own-sdk',
  setup({ onResolve }) {
    onResolve({ filter: /^@meltemi\/sdk(?:\/testing)?$/ }, ({ path }) => ({
      path: fileURLToPath(import.meta.resolve(path)),
    }))
  },
}

const javaScriptOnly: Plugin = {
  name: 'javascript-only',
  setup({ onResolve }) {
    onResolve({ filter: /\.(?:node|wasm)$/ }, ({ path }) => ({
      errors: [{ text: `${basename(path)} is not JavaScript, and a packed codec is nothing else` }],
    }))
  },
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors)
}

function describeFault({ id, text, location }: Message, { file, project }: BundleOptions): string {
  const place = location === null || location.file === ENTRY ? file : join(project, location.file)
  const position = location === null || location.file === ENTRY ? '' : `:${location.line}:${location.column + 1}`
  const reason = UNBUNDLED.includes(id) ? NO_IMPORTS : ''
  return `${place}${position}: ${text}${reason}`
}

/** CommonJS code that asks for a module of Node needs `require`, which a module does not have. */
function needsRequire(output: Output): boolean {
  return output.imports.some(({ kind }) => kind === 'require-call')
}

/** What `try { require('x') } catch` and its like did not find. Throws for what could only be found when it runs. */
function missingPackages({ inputs }: Metafile, project: string): readonly string[] {
  const missing = new Set<string>()
  const faults: string[] = []
  for (const [file, { imports }] of Object.entries(inputs)) {
    for (const { path, external } of imports) {
      if (external !== true || isBuiltin(path)) continue
      if (/^\w+:/.test(path)) faults.push(`${join(project, file)}: import of ${path}${NO_IMPORTS}`)
      else missing.add(path)
    }
  }
  if (faults.length > 0) throw new CommandError(faults.slice(0, MAX_FAULTS))
  return [...missing].sort()
}

/**
 * The bundler names files by where they lie, in comments and as the keys of CommonJS modules:
 *
 *   // ../node_modules/left-pad/index.js
 *   var require_left_pad = __commonJS({
 *     "../node_modules/left-pad/index.js"(exports, module) {
 *
 * Files of packages are named by package and version instead.
 */
function withStableNames(text: string, sources: readonly SourceFile[]): string {
  const names = new Map(sources.map(({ bundledAs, stableName }) => [bundledAs, stableName]))
  return text.replaceAll(FILE_NAME, (whole, before: string, name: string, after = '') => {
    const stable = names.get(name)
    return stable === undefined ? whole : `${before}${stable}${after}`
  })
}

/** A created project that runs on the sources of this checkout, without an installation. */

import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runMeltemi } from '@meltemi/cli'
import { createProject } from 'create-meltemi-codec'
import { Terminal } from '../../scripts/new-user.ts'
import { ROOT } from '../../scripts/workspace.ts'
import type { Workplace } from './run-page.ts'

const NPX_MELTEMI = 'npx meltemi '
const LINKED = ['@meltemi', '@types', '@typescript', 'typescript']
const MELTEMI = `#!/bin/sh
exec '${process.execPath}' --conditions=meltemi-source '${ROOT}/packages/cli/src/main.ts' "$@"
`

export class LinkedProject implements Workplace {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'meltemi-page-'))
  readonly #env: NodeJS.ProcessEnv

  constructor() {
    const modules = join(this.directory, 'node_modules')
    createProject({ name: 'my-protocol', directory: this.directory, framing: 'length', tarballs: [] })
    mkdirSync(join(modules, '.bin'), { recursive: true })
    for (const name of LINKED) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name))
    writeFileSync(join(modules, '.bin/meltemi'), MELTEMI)
    chmodSync(join(modules, '.bin/meltemi'), 0o755)
    // else a test would report to this runner, and npm would be as silent as the one that runs this
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(?:NODE_TEST|npm_)/.test(name)),
    )
    const path = [join(modules, '.bin'), join(ROOT, 'node_modules/.bin'), process.env['PATH']].join(':')
    this.#env = { ...inherited, NODE_OPTIONS: '--conditions=meltemi-source', PATH: path }
  }

  async run(command: string): Promise<{ output: string; exitCode: number }> {
    if (command.startsWith(NPX_MELTEMI)) return this.#runHere(command.slice(NPX_MELTEMI.length).split(' '))
    const terminal = this.open(command)
    const exitCode = await terminal.end()
    return { output: terminal.output, exitCode }
  }

  open(command: string): Terminal {
    return new Terminal('sh', ['-c', command], { cwd: this.directory, env: this.#env })
  }

  /** In this process, which saves starting one. */
  async #runHere(args: readonly string[]): Promise<{ output: string; exitCode: number }> {
    let output = ''
    const listen = (text: string): void => {
      output += text
    }
    const before = process.cwd()
    process.chdir(this.directory)
    try {
      const exitCode = await runMeltemi(args, { write: listen, writeError: listen })
      return { exitCode, output }
    } finally {
      process.chdir(before)
    }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Does what a page says, from its first block to its last, in a project's folder. */

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Terminal } from '../../scripts/new-user.ts'
import type { Block, ConsoleCommand } from './read-blocks.ts'

/** Where commands run. */
export interface Workplace {
  /** Where files are, and where the commands of the page are typed. */
  readonly directory: string
  /** Runs to its end; what it prints on both streams, and its exit code. */
  run(command: string): Promise<{ readonly output: string; readonly exitCode: number }>
  /** Starts what lasts until Ctrl-C. */
  open(command: string): Terminal
}

export interface PageOptions {
  /** Commands that last until the end of the page. */
  readonly lasting: readonly string[]
  /** Commands that end with exit code 1, as the page says. */
  readonly failing: readonly string[]
  /** Of their output numbers may be others. */
  readonly varying: RegExp
  /** What to use in place of the ports on the page. */
  readonly ports: ReadonlyMap<string, string>
}

export class PageRun {
  /** How many blocks were executed. */
  count = 0
  readonly #place: Workplace
  readonly #options: PageOptions
  readonly #terminals = new Map<string, Terminal>()

  constructor(place: Workplace, options: PageOptions) {
    this.#place = place
    this.#options = options
  }

  /** Rejects, with the line of the page, when something is not as it says. */
  async execute(blocks: readonly Block[]): Promise<void> {
    for (const block of blocks) {
      try {
        await this.#execute(block)
        this.count++
      } catch (error: unknown) {
        throw new Error(`the block below line ${block.line}: ${(error as Error).message}`, { cause: error })
      }
    }
  }

  /** Ctrl-C for all that lasts. */
  async end(): Promise<void> {
    for (const terminal of this.#terminals.values()) await terminal.interrupt()
  }

  async #execute(block: Block): Promise<void> {
    if (block.kind === 'console') {
      for (const command of block.commands) await this.#type(command)
      return
    }
    const text = this.#withPorts(block.text)
    if (block.kind === 'prints') {
      const terminal = this.#terminals.get(block.command)
      assert.ok(terminal, `${block.command} does not run`)
      return terminal.prints(new RegExp(patternOf(text, false)))
    }
    const path = join(this.#place.directory, block.file)
    if (block.kind === 'file') {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, `${text}\n`)
      return
    }
    const before = readFileSync(path, 'utf8')
    writeFileSync(path, block.kind === 'end' ? `${before}\n${text}\n` : replaceLine(before, block.with, text))
  }

  async #type({ command, output }: ConsoleCommand): Promise<void> {
    const expected = patternOf(this.#withPorts(output), this.#options.varying.test(command))
    if (this.#options.lasting.includes(command)) {
      const terminal = this.#place.open(command)
      this.#terminals.set(command, terminal)
      await terminal.prints(new RegExp(expected))
      return
    }
    const { output: printed, exitCode } = await this.#place.run(this.#withPorts(command))
    assert.equal(exitCode, this.#options.failing.includes(command) ? 1 : 0, `${command}: ${printed}`)
    assert.match(printed.trim(), new RegExp(`^${expected}$`), command)
  }

  #withPorts(text: string): string {
    return text.replaceAll(/(?<![0-9A-Za-z])\d{4,5}\b/g, (port) => this.#options.ports.get(port) ?? port)
  }
}

/** Indented as the line that it takes the place of. */
function replaceLine(source: string, part: string, text: string): string {
  const lines = source.split('\n')
  const found = lines.filter((line) => line.includes(part))
  assert.equal(found.length, 1, `one line with ${part}`)
  const indent = /^ */.exec(found[0] as string)?.[0] ?? ''
  return lines.map((line) => (line === found[0] ? indent + text.trim() : line)).join('\n')
}

function patternOf(output: string, mayVary: boolean): string {
  const pattern = output.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '[\\s\\S]*?')
  // columns are as wide as what is in them, which ports may not be as on the page
  if (!mayVary) return pattern.replaceAll(/ {3,}/g, ' {3,}')
  return pattern.replaceAll(/[0-9a-f]{16,}|\d+(?:\\\.\d+)?/g, '[0-9a-f.]+').replaceAll(/ +/g, ' +')
}

/**
 * Reads the code blocks of a page. The line above a block says what to do with it:
 *
 *   … `src/codec.ts`:                                        it is the file
 *   At the end of `proxy.yaml`:                              it is added to the file
 *   In `src/codec.ts`, in place of the line with `set(`:     it takes the place of that line
 *
 *   `npm start` prints:                                      what runs since an earlier block prints this
 *
 * Blocks of language `console` are commands behind `$`, each with what it prints; `…` stands for anything.
 */

export type Block = {
  /** Of the page, from 1. */
  readonly line: number
  readonly text: string
} & (
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'end'; readonly file: string }
  | { readonly kind: 'line'; readonly file: string; readonly with: string }
  | { readonly kind: 'prints'; readonly command: string }
  | { readonly kind: 'console'; readonly commands: readonly ConsoleCommand[] }
)

export interface ConsoleCommand {
  readonly command: string
  readonly output: string
}

const BLOCK = /(?<=^|\n)([^\n]*)\n\n?```(\w*)\n([\s\S]*?)\n```(?=\n|$)/g

/** Throws for a block of which the page does not say what to do with it: it could not be executed. */
export function readBlocks(page: string): readonly Block[] {
  const blocks = [...page.matchAll(BLOCK)].map(({ index, 1: above = '', 2: language = '', 3: text = '' }) => {
    const line = page.slice(0, index).split('\n').length
    const block = blockOf(above, language, text)
    if (block === undefined) throw new Error(`line ${line}: what is to be done with the block below it?`)
    return { line, text, ...block }
  })
  const fences = page.match(/^ *(?:```|~~~)/gm) ?? []
  if (fences.length !== 2 * blocks.length) throw new Error('a block was not found: each begins at its line’s start')
  return blocks
}

type WithoutPlace<T> = T extends unknown ? Omit<T, 'line' | 'text'> : never

function blockOf(above: string, language: string, text: string): WithoutPlace<Block> | undefined {
  if (language === 'console') return { kind: 'console', commands: readCommands(text) }
  const [, command] = /`([^`]+)` prints:$/.exec(above) ?? []
  if (command !== undefined) return { kind: 'prints', command }
  const [, file, , replaced] = /`([^`]+)`(, in place of the line with `([^`]+)`)?:$/.exec(above) ?? []
  if (file === undefined) return undefined
  if (replaced !== undefined) return { kind: 'line', file, with: replaced }
  return { kind: /At the end of `[^`]+`:$/.test(above) ? 'end' : 'file', file }
}

function readCommands(text: string): readonly ConsoleCommand[] {
  const [before, ...parts] = `\n${text}`.split('\n$ ')
  if (before !== '' || parts.length === 0) throw new Error(`a console begins with a command: ${text}`)
  return parts.map((part) => {
    const [command = '', ...lines] = part.split('\n')
    return { command, output: lines.join('\n') }
  })
}

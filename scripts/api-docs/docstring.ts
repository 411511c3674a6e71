/** Comments in the source, as text. */

import type { Node } from 'typescript/unstable/ast'

const DOCSTRING = /\/\*\*[\s\S]*?\*\//g

/** The docstring of a declaration; empty when it has none. */
export function docstringOf(node: Node): string {
  return textOf(leadingText(node).match(DOCSTRING)?.at(-1))
}

/** The comment at the top of a file, which is followed by an empty line, or by imports; empty when there is none. */
export function fileComment(source: string): string {
  return textOf(/^(\/\*\*[\s\S]*?\*\/)\n(?:\n|import )/.exec(source)?.[1])
}

/** What stands between the declaration before and this one; without the comment of the file. */
function leadingText(node: Node): string {
  const { text } = node.getSourceFile()
  const leading = text.slice(node.pos, node.getStart())
  return node.pos === 0 && leading.startsWith('/**') ? leading.slice(leading.indexOf('*/') + 2) : leading
}

/** Without stars; what is indented behind them stays so. */
function textOf(comment: string | undefined): string {
  if (comment === undefined) return ''
  const lines = comment.slice('/**'.length, -'*/'.length).split('\n')
  return lines
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .trim()
}

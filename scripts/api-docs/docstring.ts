/** Comments in the source, as text. */

import type { Node } from 'typescript/unstable/ast'

const DOCSTRING = /\/\*\*[\s\S]*?\*\//g
/** An empty line follows. */
const FILE_COMMENT = /^\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n\n/

/** The docstring of a declaration; empty when it has none. */
export function docstringOf(node: Node): string {
  return textOf(leadingText(node).match(DOCSTRING)?.at(-1))
}

/** What stands between the declaration before and this one; without the comment of the file. */
function leadingText(node: Node): string {
  const leading = node.getSourceFile().text.slice(node.pos, node.getStart())
  return node.pos === 0 ? leading.replace(FILE_COMMENT, '') : leading
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

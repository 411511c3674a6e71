import assert from 'node:assert/strict'
import type { CollectedSpan } from './collected-span.ts'

/** From the first span to the last one, each the child of the one before. */
export function chainOf(spans: readonly CollectedSpan[]): readonly string[] {
  const names: string[] = []
  // a span that answers may have the id of the one that asks
  const asked = (span: CollectedSpan) =>
    spans.find((other) => span.kind === 'SERVER' && other.kind === 'CLIENT' && other.id === span.id)
  let current = spans.filter(({ parentId }) => parentId === '')
  while (current.length > 0) {
    assert.equal(current.length, 1, JSON.stringify(spans))
    const [span] = current as [CollectedSpan]
    names.push(`${span.service}: ${span.name} (${span.kind})`)
    const answers = spans.filter((other) => asked(other) === span)
    const children = spans.filter((other) => other.parentId === span.id && asked(other) === undefined)
    current = answers.length > 0 ? answers : children
  }
  return names
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listReply } from './list-reply.ts'

async function textOf(count: number): Promise<{ readonly kind: string; readonly pieces: readonly string[] }> {
  const entries = Array.from({ length: count }, (_, n) => n)
  const reply = listReply({ kind: 'List', metadata: { a: '}' } }, 'items', entries, (n) => ({ n }))
  if (reply.kind === 'body') return { kind: reply.kind, pieces: [String(reply.body)] }
  const pieces: string[] = []
  for await (const piece of reply.chunks(new AbortController().signal)) pieces.push(piece)
  return { kind: reply.kind, pieces }
}

test('a list says the same whether it goes at once or piece by piece', async () => {
  for (const [count, expected] of [
    [0, 'body'],
    [1, 'body'],
    [500, 'body'],
    [501, 'stream'],
    [1_000, 'stream'],
    [1_234, 'stream'],
  ] as const) {
    const { kind, pieces } = await textOf(count)
    assert.equal(kind, expected, String(count))
    const list = JSON.parse(pieces.join(''))
    assert.deepEqual([list.kind, list.metadata, list.items.length], ['List', { a: '}' }, count])
    assert.deepEqual(list.items.at(-1), count === 0 ? undefined : { n: count - 1 })
  }
  assert.equal((await textOf(1_234)).pieces.length, 5)
})

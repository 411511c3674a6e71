import assert from 'node:assert/strict'
import { test } from 'node:test'
import { takeProfile } from './take-profile.ts'

interface CallFrame {
  readonly callFrame: { readonly functionName: string }
}

function names(nodes: readonly CallFrame[]): readonly string[] {
  return nodes.map(({ callFrame }) => callFrame.functionName)
}

interface HeapNode extends CallFrame {
  readonly children: readonly HeapNode[]
}

function flatten(node: HeapNode): readonly HeapNode[] {
  return [node, ...node.children.flatMap(flatten)]
}

test('a CPU profile shows what ran meanwhile', async () => {
  const taking = takeProfile('cpu', 150)
  const timer = setInterval(function burnTheCpu() {
    const endMs = performance.now() + 10
    while (performance.now() < endMs);
  }, 1)
  const profile = JSON.parse(await taking) as { nodes: CallFrame[]; samples: number[]; timeDeltas: number[] }
  clearInterval(timer)
  assert.ok(names(profile.nodes).includes('burnTheCpu'), names(profile.nodes).join())
  assert.ok(profile.samples.length > 20, String(profile.samples.length))
  assert.equal(profile.timeDeltas.length, profile.samples.length)
})

test('a heap profile shows where memory was taken that is still held', async () => {
  const held: object[] = []
  const taking = takeProfile('heap', 150)
  const timer = setInterval(function takeMemory() {
    for (let i = 0; i < 2_000; i++) held.push({ text: `${i} of many`, list: new Array(20).fill(i) })
  }, 1)
  const profile = JSON.parse(await taking) as { head: HeapNode }
  clearInterval(timer)
  assert.ok(held.length > 0)
  const found = names(flatten(profile.head))
  assert.ok(found.includes('takeMemory'), found.join())
})

test('profiles may follow one another', async () => {
  for (const kind of ['cpu', 'heap', 'cpu'] as const) assert.ok((await takeProfile(kind, 20)).length > 100)
})

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Codec, type CodecDefinition, DecodeStatus, ProtocolError, ResponseStatus } from '../../index.ts'
import { assertConforms, formatReport, type JudgeOptions, judge, type Outcome, RULES, type Sample } from '../index.ts'

/** | u16 length of all | u8 kind, ff for errors | body … | */
const small: CodecDefinition = {
  name: 'small',
  contract: 1,
  correlation: 'order',
  create: () => ({
    decode(buffer, metadata) {
      if (!buffer.has(3)) return DecodeStatus.WaitForData
      if (buffer.u16(0) < 3) throw new ProtocolError('too short')
      if (!buffer.has(buffer.u16(0))) return DecodeStatus.WaitForData
      metadata.headerSize = 3
      if (buffer.u8(2) === 0xff) metadata.status = ResponseStatus.Error
      metadata.message = buffer.take(buffer.u16(0))
      return DecodeStatus.Done
    },
    encode: ({ message }, _mutation, out) => void out.bytes(message),
    onError: (_request, _failure, out) => void out.u16(3).u8(0xff),
  }),
}

const FILE = fileURLToPath(import.meta.url)
const request: Sample = { name: 'request', side: 'downstream', bytes: Buffer.from('000707aabbccdd', 'hex') }

function broken(method: Partial<Codec>, more: Partial<CodecDefinition> = {}): CodecDefinition {
  return { ...small, ...more, create: (side, config) => ({ ...small.create(side, config), ...method }) }
}

function outcomeOf(id: string, definition: CodecDefinition, options: JudgeOptions = {}): Outcome {
  const { outcomes } = judge(definition, [request], { rules: [id], ...options })
  return outcomes.find((outcome) => outcome.id === id) as Outcome
}

function lineOf(text: string): number {
  return (
    readFileSync(FILE, 'utf8')
      .split('\n')
      .findIndex((line) => line.includes(text)) + 1
  )
}

test('every rule has an outcome, in order', () => {
  const { codec, outcomes } = judge(small, [request])
  assert.equal(codec, 'small')
  assert.deepEqual(
    outcomes.map(({ id, title }) => [id, title]),
    RULES.map(({ id, title }) => [id, title]),
  )
  assert.deepEqual(
    outcomes.filter(({ kind }) => kind === 'fail' || kind === 'not-run'),
    [],
  )
})

test('ids are unique, and rules rest on rules that there are, without a circle', () => {
  const ids = RULES.map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length)
  const restsOn = (id: string, above: readonly string[]): void => {
    assert.ok(!above.includes(id), `${above.join(' > ')} > ${id}`)
    assert.ok(ids.includes(id), id)
    for (const need of RULES.find((rule) => rule.id === id)!.needs) restsOn(need, [...above, id])
  }
  for (const id of ids) restsOn(id, [])
})

test('a rule that does not apply says why', () => {
  assert.deepEqual(outcomeOf('E3', small), {
    id: 'E3',
    title: 'encode replaces ids and puts them back',
    kind: 'not-applicable',
    reason: "correlation is 'order': there are no ids",
  })
  const { outcomes } = judge(small, [])
  assert.ok(outcomes.some(({ id, kind }) => id === 'D1' && kind === 'not-applicable'))
})

test('a failure has the sample, the shortest bytes and the line of the method', () => {
  const forgetful = broken({
    encode: ({ message }, _mutation, out) => void out.bytes(message, 0, 3), // forgets the body
  })
  const outcome = outcomeOf('E1', forgetful)
  assert.deepEqual(outcome.kind === 'fail' && outcome.failure, {
    message: 'encode made 000407 of it',
    sample: 'request',
    side: 'downstream',
    config: undefined,
    input: ['000407aa'],
    place: { file: FILE, line: lineOf('// forgets the body') },
  })
})

test('of what a codec throws the line is named, also when the sdk has thrown it for the codec', () => {
  const hasty = broken({
    decode(buffer, metadata) {
      const length = buffer.u16(0) // not yet there
      return buffer.has(length) ? small.create('downstream', undefined).decode(buffer, metadata) : 0
    },
  })
  const outcome = outcomeOf('D4', hasty)
  assert.ok(outcome.kind === 'fail')
  assert.match(outcome.failure.message, /^decode threw RangeError: read of 2 bytes at 0/)
  assert.deepEqual(outcome.failure.input, ['00'])
  assert.deepEqual(outcome.failure.place, { file: FILE, line: lineOf('// not yet there') })
})

test('only the rules that are asked for are run, and those that they rest on', () => {
  const { outcomes } = judge(small, [request], { rules: ['D4', 'E1'] })
  assert.deepEqual(
    outcomes.map(({ id }) => id),
    ['F1', 'D1', 'D3', 'D4', 'E1'],
  )
  assert.throws(() => judge(small, [request], { rules: ['D99'] }), {
    name: 'RangeError',
    message: 'there is no rule D99',
  })
})

test('what rests on a rule that fails is not run', () => {
  const { outcomes } = judge(small, [{ ...request, messages: 2 }])
  const kinds = new Map(outcomes.map((outcome) => [outcome.id, outcome]))
  assert.equal(kinds.get('D1')?.kind, 'fail')
  assert.deepEqual(kinds.get('D3'), {
    id: 'D3',
    title: 'Nothing is consumed before WaitForData',
    kind: 'not-run',
    reason: 'it rests on D1, which fails',
  })
  assert.deepEqual(
    { ...kinds.get('D8'), title: '' },
    { id: 'D8', title: '', kind: 'not-run', reason: 'it rests on D7, which was not run' },
  )
})

test('a codec that does not return fails the rule in time, with the bytes', () => {
  const looping = broken({
    decode(buffer, metadata) {
      while (buffer.length > 2 && buffer.u8(2) === 9); // for ever
      return small.create('downstream', undefined).decode(buffer, metadata)
    },
  })
  const startMs = performance.now()
  const { outcomes } = judge(looping, [request], { ruleLimitMs: 1500 })
  assert.ok(performance.now() - startMs < 30_000)
  const [outcome, ...others] = outcomes.filter(({ kind }) => kind === 'fail')
  assert.ok(outcome?.kind === 'fail')
  assert.deepEqual(others, [])
  assert.ok(outcomes.some(({ kind }) => kind === 'not-run'))
  assert.equal(outcome.failure.message, 'decode did not return within 1.5 s')
  assert.deepEqual(outcome.failure.input, ['000709'])
  assert.equal(outcome.failure.place?.line, lineOf('// for ever') - 1)
})

test('a length is named with the value that was wrong, and shown with it', () => {
  const trusting = broken({
    decode(buffer, metadata) {
      if (!buffer.has(2) || !buffer.has(buffer.u16(0))) return DecodeStatus.WaitForData
      metadata.message = buffer.take(buffer.u16(0))
      return DecodeStatus.Done
    },
  })
  const outcome = outcomeOf('D10', trusting)
  assert.ok(outcome.kind === 'fail')
  assert.match(
    outcome.failure.message,
    /^with 0 in the 16-bit length at byte 0 decode is done but has consumed nothing/,
  )
  assert.deepEqual(outcome.failure.input, ['0000'])
})

test('a codec that is only slow is not said to loop', () => {
  const slow = broken({
    decode(buffer, metadata) {
      const untilMs = performance.now() + 2
      while (performance.now() < untilMs);
      return small.create('downstream', undefined).decode(buffer, metadata)
    },
  })
  const { outcomes } = judge(slow, [request], { rules: ['D8', 'E1'], ruleLimitMs: 400 })
  const late = outcomes.find(({ kind }) => kind === 'fail')
  assert.ok(late?.kind === 'fail')
  assert.match(late.failure.message, /^the rule was not done within 0\.4 s: the codec is slow/)
  assert.equal(outcomes.at(-1)?.kind, 'pass')
})

test('a codec that cannot be made fails the first rule, and nothing else is run', () => {
  const makers: readonly [CodecDefinition['create'], RegExp][] = [
    [() => undefined as never, /the downstream codec has no method decode/],
    [() => JSON.parse('{'), /create threw SyntaxError/],
    [(side) => (side === 'upstream' ? Object.create(null) : small.create(side, undefined)), /upstream codec has no/],
  ]
  for (const [create, message] of makers) {
    const [first, ...others] = judge({ ...small, create }, [request]).outcomes
    assert.ok(first?.kind === 'fail')
    assert.match(first.failure.message, message)
    assert.equal(first.failure.place?.file, FILE)
    assert.ok(others.every(({ kind }) => kind === 'not-run'))
  }
})

test('facts of a definition are named when they are wrong', () => {
  for (const [facts, message] of [
    [{ name: '' }, 'name is no text, or empty'],
    [{ contract: 2 }, 'contract is 2 instead of 1'],
    [{ correlation: 'ids' }, 'correlation is "ids" instead of "id" or "order"'],
    [{ mutation: 'all' }, 'mutation is "all" instead of absent or "request" or "response" or "both"'],
    [{ greeting: 'client' }, 'greeting is "client" instead of absent or "server"'],
  ] as const) {
    const outcome = outcomeOf('F1', { ...small, ...facts } as CodecDefinition)
    assert.equal(outcome.kind === 'fail' && outcome.failure.message, message)
  }
})

test('a report reads as text: a line a rule, more for one that fails, and the sum', () => {
  const text = formatReport(judge(broken({ onError() {} }), [request], { rules: ['R2', 'E3'] }), import.meta.dirname)
  assert.match(text, /^small\n\n {2}pass {2}F1 /)
  assert.match(
    text,
    /\n {2}n\/a {3}E3 {3}encode replaces ids and puts them back: correlation is 'order': there are no ids\n/,
  )
  assert.match(text, /\n {2}FAIL {2}R1 {3}An error reply is one whole message\n/)
  const lines = text.split('\n').map((line) => line.trim())
  assert.ok(lines.includes('the reply to error type 0 with 16 characters, nothing: it is 0 messages'), text)
  assert.ok(lines.includes('sample  request (downstream)'))
  assert.ok(lines.includes('bytes   000307'))
  assert.ok(lines.includes(`at      judge.test.ts:${lineOf('broken({ onError() {} })')}`))
  assert.ok(lines.includes('skip  R2   An error reply is an error: it rests on R1, which fails'))
  assert.match(text, /\n\n\d+ passed, 1 failed, \d+ not applicable, 1 not run\n$/)
})

test('assertConforms throws what fails, and says nothing of a right codec', () => {
  assertConforms(small, [request], { rules: ['D1'] })
  assert.throws(() => assertConforms(small, [{ ...request, messages: 2 }], { rules: ['D4'] }), {
    code: 'ERR_ASSERTION',
    message:
      /^small\nD1 Every sample is the messages that it says it is\n1 message came out instead of 2\nsample {2}request/,
  })
})

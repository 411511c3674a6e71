import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LOG_OPERATORS, type LogOperation, logKeys, parseLogFormat, parseLogJson } from './log-format.ts'

const operation = (operator: LogOperation['operator'], more: Partial<LogOperation> = {}): LogOperation => ({
  operator,
  keys: [],
  timeFormat: '',
  maxLength: 0,
  ...more,
})

const accept = (text: string) => parseLogFormat(text, (message) => assert.fail(message))

function faults(text: string): readonly string[] {
  const found: string[] = []
  parseLogFormat(text, (message) => found.push(message))
  return found
}

describe('a text format', () => {
  test('is what stands between the operators, and the operators', () => {
    assert.deepEqual(accept('[%START_TIME%] "%REQ(X-Request-ID?ID):10%" %DURATION%ms\n'), [
      '[',
      operation('START_TIME'),
      '] "',
      operation('REQ', { keys: ['x-request-id', 'id'], maxLength: 10 }),
      '" ',
      operation('DURATION'),
      'ms\n',
    ])
  })

  test('has a percent sign where there are two', () => {
    assert.deepEqual(accept('100%% of %DURATION%%%'), ['100% of ', operation('DURATION'), '%'])
    assert.deepEqual(accept(''), [])
  })

  test('knows strftime in times', () => {
    const timeFormat = '%Y/%m/%dT%H:%M:%S%z %s %3f'
    assert.deepEqual(accept(`%START_TIME(${timeFormat})%`), [operation('START_TIME', { timeFormat })])
    assert.deepEqual(faults('%START_TIME(%Y %Q)%'), ['%START_TIME% does not know "%Q" in a time'])
  })

  test('says what is wrong with it', () => {
    const known = Object.keys(LOG_OPERATORS).join(', ')
    assert.deepEqual(faults('%NOPE% %DURATIN%'), [
      `there is no operator %NOPE%, known are: ${known}`,
      `there is no operator %DURATIN%, known are: ${known}`,
    ])
    assert.deepEqual(faults('%DURATION'), ['expected an operator such as %START_TIME% at "%DURATION"'])
    assert.deepEqual(faults('%REQ%'), ['%REQ% wants the key of a property in parentheses'])
    assert.deepEqual(faults('%REQ(a?)%'), ['%REQ% wants the key of a property in parentheses'])
    assert.deepEqual(faults('%REQ(a?b?c)%'), ['%REQ% takes at most 2 keys'])
    assert.deepEqual(faults('%DURATION(x)%'), ['%DURATION% takes no parentheses'])
  })
})

describe('a JSON format', () => {
  test('has formats wherever it has texts', () => {
    const json = parseLogJson({ a: '%DURATION%', b: ['x%REQ(K)%', 5], c: { d: null, e: true } }, assert.fail)
    assert.deepEqual(json, {
      kind: 'object',
      entries: [
        ['a', { kind: 'text', pieces: [operation('DURATION')] }],
        [
          'b',
          {
            kind: 'list',
            items: [
              { kind: 'text', pieces: ['x', operation('REQ', { keys: ['k'] })] },
              { kind: 'constant', value: 5 },
            ],
          },
        ],
        [
          'c',
          {
            kind: 'object',
            entries: [
              ['d', { kind: 'constant', value: null }],
              ['e', { kind: 'constant', value: true }],
            ],
          },
        ],
      ],
    })
    assert.deepEqual(logKeys(json), ['k'])
  })
})

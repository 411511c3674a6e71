/** F: the facts that the definition states, and the functions that stand beside the codec. */

import type { CodecDefinition, Side } from '../../codec.ts'
import { type Metadata, ReceiveBuffer } from '../../index.ts'
import { type Fault, NO_INPUT, type Rule } from '../judge/rule.ts'
import type { Subject } from '../judge/subject.ts'
import type { Sample } from '../sample.ts'

const SIDES: readonly Side[] = ['downstream', 'upstream']
const REQUIRED_METHODS = ['decode', 'encode', 'onError'] as const
/** What the optional fields of a definition may be. */
const CHOICES = {
  contract: [1],
  correlation: ['id', 'order'],
  mutation: [undefined, 'request', 'response', 'both'],
  greeting: [undefined, 'server'],
} as const

export const definitionRules: readonly Rule[] = [
  {
    id: 'F1',
    title: 'The definition says what it must, and makes codecs for both sides',
    about:
      'Configuration, pools and routes rely on name, contract, correlation, mutation and greeting. `create` gives an ' +
      'object with decode, encode and onError for either side and for the options of every sample.',
    needs: [],
    inputs: ({ samples }) => [NO_INPUT, ...samples],
    check: (subject, input) => (input === NO_INPUT ? factFault(subject.definition) : createFault(subject, input)),
  },
  {
    id: 'F2',
    title: 'The options of the samples are valid',
    about:
      '`validate` is asked when configuration is loaded, and a fault that it tells refuses the configuration. A codec ' +
      'without `validate` takes no options.',
    needs: ['F1'],
    inputs: ({ definition, samples }) => {
      const isAsked = definition.validate !== undefined || samples.some(({ config }) => config !== undefined)
      return isAsked ? samples : 'the codec takes no options, and no sample has any'
    },
    check: optionFault,
  },
  {
    id: 'F3',
    title: 'detect knows its own protocol from the first bytes',
    about:
      'On the beginning of what a client sends `detect` says true, or undefined while it needs more; it says true at ' +
      'the latest when the first message is whole. It consumes nothing and throws nothing. It is not told the options.',
    needs: ['D1'],
    inputs: ({ definition, samples }) => {
      if (definition.detect === undefined) return 'the definition has no detect'
      const requests = samples.filter(({ side, config }) => side === 'downstream' && config === undefined)
      return requests.length > 0 ? requests : 'no sample without options comes from a client'
    },
    check: detectFault,
  },
  {
    id: 'F4',
    title: 'dialect is a fact of the message, whatever its id',
    about:
      'Requests of equal dialects share upstream connections: the text is the same each time, on every connection and ' +
      'for every id, or connections would never be shared.',
    needs: ['D1'],
    inputs: ({ definition, samples }) => (definition.dialect === undefined ? 'the definition has no dialect' : samples),
    check: dialectFault,
  },
]

function factFault(definition: CodecDefinition): Fault | undefined {
  const fault = (message: string): Fault => ({ method: 'create', message })
  if (typeof definition.name !== 'string' || definition.name === '') return fault('name is no text, or empty')
  for (const [fact, choices] of Object.entries(CHOICES)) {
    const value: unknown = definition[fact as keyof typeof CHOICES]
    if ((choices as readonly unknown[]).includes(value)) continue
    return fault(`${fact} is ${print(value)} instead of ${choices.map(print).join(' or ')}`)
  }
  return undefined
}

function print(value: unknown): string {
  return JSON.stringify(value) ?? 'absent'
}

function createFault(subject: Subject, { config }: Sample): Fault | undefined {
  for (const side of SIDES) {
    const codec = subject.run('create', () => subject.definition.create(side, config))
    const missing = REQUIRED_METHODS.find((method) => typeof codec?.[method] !== 'function')
    if (missing !== undefined) return { method: 'create', message: `the ${side} codec has no method ${missing}` }
  }
  return undefined
}

function optionFault(subject: Subject, { config }: Sample): Fault | undefined {
  const { definition } = subject
  const options = JSON.stringify(config)
  if (definition.validate === undefined) {
    if (config === undefined) return undefined
    return { method: 'create', message: `there is no validate, so options are refused: ${options}` }
  }
  const problems: unknown = subject.run('validate', () => definition.validate?.(config))
  if (!Array.isArray(problems)) return { method: 'validate', message: `validate returned ${String(problems)}, no list` }
  if (problems.length === 0) return undefined
  return { method: 'validate', message: `validate refuses ${options ?? 'no options'}: ${problems.join('; ')}` }
}

function detectFault(subject: Subject, input: Sample): Fault | undefined {
  const [first] = subject.decode(input) as [Metadata]
  const { length } = first.message
  for (let known = 1; known <= length; known++) {
    const buffer = new ReceiveBuffer()
    buffer.append(Buffer.from(input.bytes.subarray(0, known)))
    const verdict: unknown = subject.run('detect', () => subject.definition.detect?.(buffer))
    const fault = (message: string): Fault => ({
      method: 'detect',
      message: `with ${known} of ${length} bytes ${message}`,
      chunks: [input.bytes.subarray(0, known)],
    })
    if (buffer.length !== known) return fault('detect consumed some')
    if (verdict !== true && verdict !== undefined) return fault(`detect said ${String(verdict)}`)
    if (verdict === undefined && known === length) return fault('detect still needs more')
  }
  return undefined
}

function dialectFault(subject: Subject, input: Sample): Fault | undefined {
  const dialect = (message: Metadata): unknown => subject.run('dialect', () => subject.definition.dialect?.(message))
  const again = subject.decode(input)
  for (const [n, message] of subject.decode(input).entries()) {
    const said = dialect(message)
    if (typeof said !== 'string') return { method: 'dialect', message: `dialect returned ${String(said)}, no text` }
    const other = again[n] as Metadata
    if (dialect(other) !== said) return { method: 'dialect', message: `dialect said ${said}, then ${dialect(other)}` }
    other.requestId = other.requestId === 1 ? 2 : 1
    if (dialect(other) !== said)
      return { method: 'dialect', message: `another id turned ${said} into ${dialect(other)}` }
  }
  return undefined
}

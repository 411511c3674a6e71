/** M: what encode does with a Mutation. */

import { MessageType, type Metadata, Mutation } from '../../index.ts'
import { differenceOf, LENGTHS, printBytes, propertiesOf, propertyDifference } from '../judge/compare-messages.ts'
import { CodecThrew } from '../judge/guard-codec.ts'
import type { Fault, Rule } from '../judge/rule.ts'
import type { Subject } from '../judge/subject.ts'
import type { Sample } from '../sample.ts'

const KEY = 'x-added'
/** More than a byte can count, and not only ASCII. */
const VALUES = ['wörld €', 'x'.repeat(300)] as const

export const mutationRules: readonly Rule[] = [
  {
    id: 'M1',
    title: 'A property that a mutation adds is there',
    about:
      'Where the definition says `mutation`, a new property is read back from what encode wrote, with its value in ' +
      'UTF-8, and everything else is as it was.',
    needs: ['E1'],
    inputs: mutableSamples,
    check: (subject, input) =>
      eachMutable(subject, input, (n) => changeFault(subject, input, [{ n, key: KEY, value: VALUES[0] }])),
  },
  {
    id: 'M2',
    title: 'A property that a mutation changes has its new value',
    about:
      'The property that was added, and those that the sample calls changeable, take another value, shorter or longer, ' +
      'and the old one is gone.',
    needs: ['M1'],
    inputs: mutableSamples,
    check: (subject, input) =>
      eachMutable(subject, input, (n, keys) => {
        const added = changeFault(subject, input, [
          { n, key: KEY, value: VALUES[0] },
          { n, key: KEY, value: VALUES[1] },
        ])
        return added ?? firstFault(keys, (key) => changeFault(subject, input, [{ n, key, value: 'changed' }]))
      }),
  },
  {
    id: 'M3',
    title: 'A property that a mutation removes is gone',
    about: 'Of the property that was added, and of those that the sample calls changeable, nothing is read back.',
    needs: ['M1'],
    inputs: mutableSamples,
    check: (subject, input) =>
      eachMutable(subject, input, (n, keys) => {
        const added = changeFault(subject, input, [
          { n, key: KEY, value: VALUES[0] },
          { n, key: KEY, value: undefined },
        ])
        return added ?? firstFault(keys, (key) => changeFault(subject, input, [{ n, key, value: undefined }]))
      }),
  },
  {
    id: 'M4',
    title: 'A mutation that cannot be applied leaves the message whole',
    about:
      'Messages that cannot carry a mutation are written as they were, or encode throws: never a message with half of ' +
      'a change in it.',
    needs: ['E1'],
    inputs: (subject) =>
      subject.samplesWith(
        'every message of the samples can carry a mutation',
        (message, sample) => hasProperties(message) && !canMutate(subject, sample),
      ),
    check: refusedFault,
  },
]

function mutableSamples(subject: Subject): readonly Sample[] | string {
  const { mutation } = subject.definition
  if (mutation === undefined) return 'the definition has no mutation'
  return subject.samplesWith(
    `no sample can carry a mutation (mutation: '${mutation}')`,
    (message, sample) => hasProperties(message) && canMutate(subject, sample),
  )
}

function canMutate({ definition: { mutation } }: Subject, { side, mutable }: Sample): boolean {
  if (mutation === undefined || mutable === false) return false
  return mutation === 'both' || (mutation === 'request') === (side === 'downstream')
}

function hasProperties({ type }: Metadata): boolean {
  return type === MessageType.Request || type === MessageType.Oneway || type === MessageType.Response
}

/** Asks for message `n` of the sample, with those changeable properties that it has. */
function eachMutable(
  subject: Subject,
  input: Sample,
  check: (n: number, keys: readonly string[]) => Fault | undefined,
): Fault | undefined {
  const messages = [...subject.decode(input).entries()].filter(([, message]) => hasProperties(message))
  return firstFault(messages, ([n, message]) => {
    const keys = (input.changeable ?? []).filter((key) => message.get(key) !== undefined)
    return check(n, keys)
  })
}

function firstFault<T>(list: readonly T[], check: (one: T) => Fault | undefined): Fault | undefined {
  for (const one of list) {
    const fault = check(one)
    if (fault !== undefined) return fault
  }
  return undefined
}

interface Change {
  /** Which message of the sample. */
  readonly n: number
  readonly key: string
  readonly value: string | undefined
}

/** Applies the changes one after the other; the last one is what is judged. */
function changeFault(subject: Subject, input: Sample, changes: readonly Change[]): Fault | undefined {
  let sample = input
  for (const change of changes) {
    const bytes = changed(subject, sample, change)
    const fault = readBackFault(subject, sample, { change, bytes })
    if (fault !== undefined) return fault
    sample = { ...sample, bytes }
  }
  return undefined
}

function changed(subject: Subject, sample: Sample, { n, key, value }: Change): Buffer {
  const mutation = new Mutation()
  mutation.set(key, value)
  const parts = subject
    .decode(sample)
    .map((message, at) => subject.encode(sample, message, at === n ? mutation : Mutation.none))
  return Buffer.concat(parts)
}

function readBackFault(
  subject: Subject,
  sample: Sample,
  { change, bytes }: { change: Change; bytes: Buffer },
): Fault | undefined {
  const { n, key, value } = change
  const what =
    value === undefined ? `without ${key}` : `with ${key}: ${value.length > 20 ? `${value.length} characters` : value}`
  const fault = (message: string): Fault => ({ method: 'encode', message: `${what}, ${printBytes(bytes)} ${message}` })
  const before = subject.decode(sample)
  const after = subject.tryDecode({ ...sample, bytes })
  if (typeof after === 'string') return fault(`cannot be read back: ${after}`)
  if (after.length !== before.length) return fault(`is read back as ${after.length} messages`)
  for (const [at, message] of before.entries()) {
    const expected = propertiesOf(message)
    if (at === n && value !== undefined) expected.set(key, value)
    else if (at === n) expected.delete(key)
    const difference =
      propertyDifference(expected, propertiesOf(after[at] as Metadata)) ??
      factDifference(message, after[at] as Metadata)
    if (difference !== undefined) return fault(`is read back, but ${difference}`)
  }
  return undefined
}

/** Everything but properties and lengths; the timeout may be a property, and the operation may be made of them. */
function factDifference(before: Metadata, after: Metadata): string | undefined {
  const properties = propertiesOf(before)
  for (const key of propertiesOf(after).keys()) after.delete(key)
  for (const [key, value] of properties) after.set(key, value)
  return differenceOf(before, after, [...LENGTHS, 'operation', 'timeoutMs'])
}

function refusedFault(subject: Subject, input: Sample): Fault | undefined {
  const mutation = new Mutation()
  mutation.set(KEY, VALUES[0])
  for (const message of subject.decode(input).filter(hasProperties)) {
    const bytes = encodedOrRefused(subject, input, { message, mutation })
    if (bytes === undefined || bytes.equals(message.message)) continue
    return { method: 'encode', message: `with a mutation that it cannot carry encode made ${printBytes(bytes)} of it` }
  }
  return undefined
}

function encodedOrRefused(
  subject: Subject,
  input: Sample,
  { message, mutation }: { message: Metadata; mutation: Mutation },
): Buffer | undefined {
  try {
    return subject.encode(input, message, mutation)
  } catch (error: unknown) {
    if (error instanceof CodecThrew) return undefined
    throw error
  }
}

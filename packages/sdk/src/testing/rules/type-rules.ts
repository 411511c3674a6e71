/** T: messages that are neither request nor reply. */

import { MessageType, type Metadata } from '../../index.ts'
import { isOfStream } from '../judge/message-facts.ts'
import type { Fault, Rule } from '../judge/rule.ts'
import type { Subject } from '../judge/subject.ts'
import type { Sample } from '../sample.ts'
import { byEncode, byPatchIds, idFault, UPSTREAM_IDS } from './rewriting.ts'

export const typeRules: readonly Rule[] = [
  {
    id: 'T1',
    title: 'A one-way message stays one-way when it gets another id',
    about:
      'Nobody waits for a reply to it: were it read as a request on the way, the service would answer and the proxy ' +
      'would wait.',
    needs: ['E3', 'E6'],
    inputs: (subject) => withIds(subject, 'no sample is one-way', isOneway),
    check: (subject, input) => everyId(subject, input, { which: 'requestId', isChosen: isOneway }),
  },
  {
    id: 'T2',
    title: 'Frames of a stream take another stream id, and their own again',
    about:
      'Streams of many clients share a connection: opening, data and closing frames travel under a stream id of the ' +
      'proxy (1 to 2³¹−1) and are otherwise as they were.',
    needs: ['E3', 'E6'],
    inputs: (subject) => withIds(subject, 'no sample is of a stream', isOfStream),
    check: (subject, input) => everyId(subject, input, { which: 'streamId', isChosen: isOfStream }),
  },
]

function isOneway({ type }: Metadata): boolean {
  return type === MessageType.Oneway
}

function withIds(
  subject: Subject,
  reason: string,
  isChosen: (message: Metadata) => boolean,
): readonly Sample[] | string {
  if (subject.definition.correlation === 'order') return "correlation is 'order': there are no ids"
  return subject.samplesWith(reason, (message, sample) => sample.ids !== false && isChosen(message))
}

function everyId(
  subject: Subject,
  input: Sample,
  what: { which: 'requestId' | 'streamId'; isChosen: (message: Metadata) => boolean },
): Fault | undefined {
  for (const rewrite of [byEncode, byPatchIds]) {
    for (const id of UPSTREAM_IDS) {
      const fault = idFault(subject, input, { rewrite, id, ...what })
      if (fault !== undefined) return fault
    }
  }
  return undefined
}

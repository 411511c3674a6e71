import { type ApplicationProtocol, didYouMean, keyOf } from '@meltemi/api'
import type { StatusNote } from '../store/world.ts'

/** Protocols whose codec neither comes with proxies nor with a module. */
export function codecNotes(
  protocols: readonly ApplicationProtocol[],
  codecs: readonly string[],
): readonly StatusNote[] {
  const known = new Set(codecs.map(plainName))
  return protocols
    .filter(({ spec }) => spec.module === undefined && !known.has(plainName(spec.codec)))
    .map((protocol) => ({
      key: keyOf(protocol),
      severity: 'warning',
      code: 'unknown-codec',
      path: ['spec', 'codec'],
      message: `no codec ${protocol.spec.codec} comes with Meltemi, which has ${codecs.join(', ')}`,
      fix: fixFor(protocol.spec.codec, codecs),
    }))
}

function fixFor(codec: string, codecs: readonly string[]): string {
  const guess = didYouMean(codec, codecs)
  return guess === undefined ? 'add its module, or give it to each proxy by --module' : `did you mean ${guess}?`
}

/** Hyphens and underscores are the same. */
function plainName(codec: string): string {
  return codec.replaceAll('_', '-')
}

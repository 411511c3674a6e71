/** A codec whose exceptions say which of its methods threw them. */

import type { Codec, CodecDefinition } from '../../codec.ts'
import { isProtocolError } from '../sample.ts'

/** What a codec's author has written, as far as it can be called. */
export type CodecMethod = keyof Codec | 'create' | 'validate' | 'detect' | 'dialect'

/** Somebody who wants to know which method runs now, and since when, should it never end. */
export interface MethodWatch {
  method: CodecMethod
  calledMs: number
}

/** What a method of the codec threw; `cause` is the thrown thing itself. */
export class CodecThrew extends Error {
  override readonly name = 'CodecThrew'
  readonly method: CodecMethod

  constructor(method: CodecMethod, cause: unknown) {
    super(`${method} threw ${cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)}`, { cause })
    this.method = method
  }

  /** The codec's own "these bytes are wrong". */
  get isProtocolError(): boolean {
    return isProtocolError(this.cause)
  }
}

const METHODS: readonly (keyof Codec)[] = [
  'decode',
  'encode',
  'onError',
  'patchIds',
  'heartbeatReply',
  'serviceHeartbeat',
  'healthCheck',
  'resetStream',
  'failStream',
  'goAway',
]

export type Method = (...args: readonly unknown[]) => unknown

/** The functions that a codec and its definition consist of, as they are. */
export function methodsOf(definition: CodecDefinition, codec: Codec): ReadonlyMap<CodecMethod, Method> {
  const methods = new Map<CodecMethod, Method>()
  for (const name of METHODS) if (typeof codec[name] === 'function') methods.set(name, codec[name] as Method)
  for (const name of ['create', 'validate', 'detect', 'dialect'] as const) {
    if (typeof definition[name] === 'function') methods.set(name, definition[name] as Method)
  }
  return methods
}

/** The same codec, with CodecThrew for whatever its methods throw. */
export function guardCodec(codec: Codec, watch: MethodWatch): Codec {
  const guarded: Partial<Record<keyof Codec, Method>> = {}
  for (const name of METHODS) {
    const method = codec[name] as Method | undefined
    if (typeof method !== 'function') continue
    guarded[name] = (...args) => runGuarded(name, watch, () => method.apply(codec, args as unknown[]))
  }
  return guarded as unknown as Codec
}

export function runGuarded<T>(method: CodecMethod, watch: MethodWatch, action: () => T): T {
  watch.method = method
  watch.calledMs = performance.now()
  try {
    return action()
  } catch (error: unknown) {
    throw new CodecThrew(method, error)
  }
}

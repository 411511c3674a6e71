/** Where in its source a codec is to blame. */

import { Session } from 'node:inspector'
import { fileURLToPath } from 'node:url'
import type { Codec, CodecDefinition } from '../../codec.ts'
import { type CodecMethod, type Method, methodsOf } from './guard-codec.ts'

/** A line of a codec. */
export interface CodePlace {
  /** Absolute path. */
  readonly file: string
  /** From 1. */
  readonly line: number
}

/**
 * Where `thrown` was thrown, if that lies in a file of the codec, else where the method begins, else where the codec is
 * made; undefined when none of it is known, as of functions that are not written in JavaScript.
 */
export function findCodePlace(
  definition: CodecDefinition,
  codec: Codec | undefined,
  { method, thrown }: { method: CodecMethod; thrown?: unknown },
): CodePlace | undefined {
  const methods = codec === undefined ? new Map([['create' as const, definition.create]]) : methodsOf(definition, codec)
  const places = locate(methods as ReadonlyMap<CodecMethod, Method>)
  const files = new Set([...places.values()].map(({ file }) => file))
  return placeInStack(thrown, files) ?? places.get(method) ?? places.get('create')
}

interface LocationValue {
  readonly scriptId: string
  readonly lineNumber: number
}

/** Asks the engine where functions were written. */
function locate(methods: ReadonlyMap<CodecMethod, Method>): ReadonlyMap<CodecMethod, CodePlace> {
  const session = new Session()
  const urls = new Map<string, string>()
  const places = new Map<CodecMethod, CodePlace>()
  session.connect()
  try {
    session.on('Debugger.scriptParsed', ({ params }) => urls.set(params.scriptId, params.url))
    session.post('Debugger.enable')
    for (const [name, method] of methods) {
      const location = locationOf(session, method)
      const file = location && fileOf(urls.get(location.scriptId) ?? '')
      if (file !== undefined) places.set(name, { file, line: (location as LocationValue).lineNumber + 1 })
    }
  } finally {
    session.disconnect()
  }
  return places
}

/** Where the inspector's expressions find the function that is asked about. */
const ASKED = Symbol.for('meltemi.testing.asked')

function locationOf(session: Session, method: Method): LocationValue | undefined {
  const globals = globalThis as { [ASKED]?: Method }
  let location: LocationValue | undefined
  globals[ASKED] = method
  session.post(
    'Runtime.evaluate',
    { expression: `globalThis[Symbol.for('meltemi.testing.asked')]` },
    (_error, found) => {
      const { objectId } = found?.result ?? {}
      if (objectId === undefined) return
      session.post(
        'Runtime.getProperties',
        { objectId, ownProperties: true },
        (_error, { internalProperties = [] }) => {
          const property = internalProperties.find(({ name }) => name === '[[FunctionLocation]]')
          location = property?.value?.value as LocationValue | undefined
        },
      )
    },
  )
  delete globals[ASKED]
  return location
}

function placeInStack(thrown: unknown, files: ReadonlySet<string>): CodePlace | undefined {
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : ''
  for (const frame of stack.split('\n')) {
    const [, url = '', line] = /^\s+at (?:.*\()?(.+?):(\d+):\d+\)?$/.exec(frame) ?? []
    const file = fileOf(url)
    if (file !== undefined && files.has(file)) return { file, line: Number(line) }
  }
  return undefined
}

/** The path of a script's URL, without what makes a reloaded one new. */
function fileOf(url: string): string | undefined {
  const plain = url.replace(/[?#].*$/, '')
  if (plain.startsWith('file:')) return fileURLToPath(plain)
  return plain.startsWith('/') ? plain : undefined
}

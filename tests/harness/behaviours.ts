/** How a service may treat a request: handlers for `startEchoServer`. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Metadata } from '@meltemi/sdk'
import type { EchoConnection } from './echo-connection.ts'
import type { Handler } from './echo-server.ts'

/** Answers at once. */
export const echo: Handler = (request, connection) => connection.answer(request)

/** Never answers. */
export const silent: Handler = () => {}

/** Answers everything twice. */
export const doubled: Handler = (request, connection) => {
  connection.answer(request)
  connection.answer(request)
}

/** Answers with an id that nobody asked with. */
export const wrongId: Handler = (request, connection) => {
  connection.answerAs(request, Number(request.requestId) + 1_000_000)
}

/** Closes instead of answering. */
export const closing: Handler = (_request, connection) => connection.destroy()

/** Resets the connection instead of answering. */
export const resetting: Handler = (_request, connection) => connection.reset()

/** Sends the first half of the answer and closes. */
export const breakingOff: Handler = async (request, connection) => {
  const bytes = connection.answerTo(request)
  if (bytes) await connection.sent(bytes.subarray(0, bytes.length >> 1))
  connection.destroy()
}

/** Answers, then finishes writing but goes on reading. */
export const halfClosing: Handler = (request, connection) => {
  connection.answer(request)
  connection.end()
}

/** Sends each byte of the answer by a write of its own. */
export const bytewise: Handler = async (request, connection) => {
  for (const byte of connection.answerTo(request) ?? []) await connection.sent(Uint8Array.of(byte))
}

/** Answers after a while. */
export function delayed(delayMs: number): Handler {
  return async (request, connection) => {
    await sleep(delayMs, undefined, { ref: false })
    connection.answer(request)
  }
}

/** Gathers so many requests of all connections, then answers them, the last one first. */
export function outOfOrder(count: number): Handler {
  const held: [Metadata, EchoConnection][] = []
  return (request, connection) => {
    held.push([request, connection])
    if (held.length < count) return
    for (const [oldRequest, oldConnection] of held.splice(0).reverse()) oldConnection.answer(oldRequest)
  }
}

export interface Holding {
  readonly handler: Handler
  /** Requests that are not answered yet. */
  readonly held: number
  /** Answers what is held now, and from now on everything at once. */
  release(): void
}

/** Answers nothing until told to: a delay that a test ends itself. */
export function holding(): Holding {
  const { promise: released, resolve } = Promise.withResolvers<void>()
  let held = 0
  return {
    get held() {
      return held
    },
    release: resolve,
    async handler(request, connection) {
      held++
      await released
      held--
      connection.answer(request)
    },
  }
}

/** The first request gets the first behaviour, and so on; the last one stays. */
export function inTurn(...behaviours: readonly [Handler, ...Handler[]]): Handler {
  let count = 0
  return (request, connection) => {
    const behaviour = behaviours[Math.min(count++, behaviours.length - 1)] as Handler
    return behaviour(request, connection)
  }
}

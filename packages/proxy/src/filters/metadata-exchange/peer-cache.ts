import type { Metadata } from '@meltemi/sdk'
import { MESH_LIMITS } from '../mesh-limits.ts'
import { PEER_ID_KEY, PEER_METADATA_KEY, tryDecodeBase64 } from './peer-metadata.ts'
import { decodeStruct } from './struct-bytes.ts'
import { UNKNOWN_WORKLOAD, type Workload, workloadOf } from './workload.ts'

/** The proxy that has sent a message. */
export interface Peer {
  readonly workload: Workload
  /** The same for all that metrics cannot tell apart. */
  readonly key: string
  /** What it says of itself cannot be read. */
  readonly isBad: boolean
}

interface Known {
  readonly peer: Peer
  readonly freshUntilMs: number
}

const NO_PEER = peerOf(UNKNOWN_WORKLOAD)
const BAD_PEER: Peer = { ...NO_PEER, isBad: true }
const NOBODY: Known = { peer: NO_PEER, freshUntilMs: 0 }

/**
 * The peers of one thread by their ids, so that each is decoded once in a while. Bounded: there are two generations,
 * of which the older one is forgotten when the younger one is full; who is heard of again moves to the younger one.
 * As in the reference the id is believed: to compare what comes with it would cost each message what is saved here.
 */
export class PeerCache {
  readonly #maxYoung: number
  #young = new Map<string, Known>()
  #old = new Map<string, Known>()
  /** Often the next message is from the same. */
  #lastId = ''
  #last = NOBODY
  readonly nobody = NO_PEER

  constructor(maxPeers: number = MESH_LIMITS.peers) {
    this.#maxYoung = Math.max(1, maxPeers / 2)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** Who has sent this message, as far as it says. */
  of(message: Metadata, nowMs: number): Peer {
    // a proxy without an id is known by what it says
    const id = message.get(PEER_ID_KEY) || message.get(PEER_METADATA_KEY)
    if (id === undefined || id === '') return NO_PEER
    if (id === this.#lastId && nowMs < this.#last.freshUntilMs) return this.#last.peer
    return this.#find(id, message, nowMs)
  }

  #find(id: string, message: Metadata, nowMs: number): Peer {
    const known = this.#young.get(id) ?? this.#old.get(id)
    if (known !== undefined && nowMs < known.freshUntilMs) return this.#remember(id, known)
    const text = message.get(PEER_METADATA_KEY)
    if (text === undefined) return NO_PEER
    if (!isReasonable(id, text)) return BAD_PEER
    return this.#remember(id, { peer: decodePeer(text), freshUntilMs: nowMs + MESH_LIMITS.freshMs })
  }

  #remember(id: string, known: Known): Peer {
    if (this.#young.get(id) !== known) {
      this.#old.delete(id)
      // a copy of its own: a part of a message would keep all of it in memory
      this.#young.set(Buffer.from(id).toString(), known)
      if (this.#young.size > this.#maxYoung) this.#forgetOld()
    }
    this.#lastId = id
    this.#last = known
    return known.peer
  }

  #forgetOld(): void {
    this.#old = this.#young
    this.#young = new Map()
  }
}

function isReasonable(id: string, text: string): boolean {
  return text.length <= MESH_LIMITS.metadataLength && (id.length <= MESH_LIMITS.idLength || id === text)
}

function peerOf(workload: Workload): Peer {
  return { workload, key: Object.values(workload).join('\0'), isBad: false }
}

function decodePeer(text: string): Peer {
  if (text === '') return NO_PEER
  const bytes = tryDecodeBase64(text)
  if (bytes === undefined) return BAD_PEER
  try {
    const workload = workloadOf(decodeStruct(bytes))
    const isLong = Object.values(workload).some((value: string) => value.length > MESH_LIMITS.valueLength)
    return isLong ? BAD_PEER : peerOf(workload)
  } catch {
    // not a struct: who sends it is counted, and unknown
    return BAD_PEER
  }
}

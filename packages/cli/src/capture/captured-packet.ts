/** One packet of a capture file, as far as it was captured. */
export interface CapturedPacket {
  /** From 1, in the order of the file, as Wireshark counts. */
  readonly number: number
  /** Nanoseconds since 1970; undefined where the file does not tell. */
  readonly timeNs: bigint | undefined
  /** What the bytes begin with: a LINKTYPE_ number. */
  readonly linkType: number
  readonly bytes: Buffer
  /** How many bytes it had on the wire. */
  readonly originalLength: number
}

/** When a byte came, as the file tells: by which packet, and when that was captured. */
export interface Arrival {
  readonly packet: number
  readonly timeNs: bigint | undefined
}

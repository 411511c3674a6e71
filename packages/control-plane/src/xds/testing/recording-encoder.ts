import type { DeltaResponse, SotwResponse } from '../response-encoder.ts'

/** Keeps what the last response has in it, as `name version` and `-name` for what is removed. */
export class RecordingEncoder {
  #last: readonly string[] = []

  /** What was encoded since the last call. */
  take(): readonly string[] {
    const last = this.#last
    this.#last = []
    return last
  }

  sotw({ resources }: SotwResponse): Uint8Array {
    this.#last = resources.map(({ name, version }) => `${name} ${version}`).toSorted()
    return new Uint8Array()
  }

  delta({ removed, ...rest }: DeltaResponse): Uint8Array {
    this.sotw(rest)
    this.#last = [...this.#last, ...removed.toSorted().map((name) => `-${name}`)]
    return new Uint8Array()
  }
}

import type { DeliveredModule } from '@meltemi/api'

/** Where codecs that come from a control plane go. */
export interface CodecModules {
  /** Loads it in all threads, beside what is there; rejects with why not. A digest that is there already is nothing new. */
  deliver(codec: string, module: DeliveredModule): Promise<void>
  /** Whether the module with this digest has brought this codec. */
  hasCodec(codec: string, digest: string): boolean
  /** Forgets those that have other digests. */
  keepDelivered(digests: ReadonlySet<string>): Promise<void>
}

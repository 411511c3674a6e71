import { dubboWire } from './dubbo-wire.ts'
import { SMALL_WIRES, type Wire } from './wire.ts'

/** Protocols that are simulated. */
export const WIRES: readonly Wire[] = [...SMALL_WIRES, dubboWire]

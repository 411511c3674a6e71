import { FOUR_PROTOCOLS, type TestedProtocol } from '../four-protocols.ts'
import type { Fault } from './faults.ts'
import { MODES, POOLS } from './modes.ts'
import type { Cell } from './run-cell.ts'

/** Those with ids, by turns: replies to the wrong id are among the faults. */
const PROTOCOLS = FOUR_PROTOCOLS.filter(({ codec }) => codec.correlation === 'id')

/** One fault by all ways of trying again and all kinds of connections; `row` is its place in the table. */
export function cellsOf(fault: Fault, row: number): readonly Cell[] {
  const cells = MODES.flatMap((mode) => POOLS.map((pool) => ({ fault, mode, pool })))
  return cells.map((cell, column) => ({
    ...cell,
    protocol: PROTOCOLS[(row + column) % PROTOCOLS.length] as TestedProtocol,
  }))
}

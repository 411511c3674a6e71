/** The versions of the codec contract: what loading says of each, and what docs/compatibility.md says. */

export interface ContractVersion {
  /** What a codec states in `contract`. */
  readonly contract: number
  /** The versions of `@meltemi/sdk` that have it. */
  readonly sdk: string
  /** Whether this proxy runs codecs that were built for it. */
  readonly runs: boolean
  /** How it differs from the version before, as it follows "since then"; empty for the first. */
  readonly change: string
}

/** The version that this proxy speaks. */
export const CONTRACT = 1

/** Oldest first, up to the one that this proxy speaks. */
export const CONTRACT_VERSIONS: readonly ContractVersion[] = [
  { contract: 0, sdk: 'drafts before 0.1', runs: false, change: '' },
  {
    contract: 1,
    sdk: '0.1',
    runs: true,
    change: 'patchIds(bytes, start, requestId, streamId) is told where the message starts',
  },
]

/** Why a codec that states this contract is not run, and what to do, as it follows its name; undefined when it is run. */
export function contractFault(contract: unknown): string | undefined {
  if (typeof contract !== 'number' || !Number.isInteger(contract) || contract < 0) {
    const found = typeof contract === 'number' ? contract : typeof contract
    return `has a 'contract' that should be the whole number ${CONTRACT}, and is ${found}`
  }
  const known = CONTRACT_VERSIONS.find((version) => version.contract === contract)
  if (known?.runs === true) return undefined
  const both = `is written for contract ${contract}, this proxy speaks contract ${CONTRACT}`
  if (known === undefined) return `${both}: upgrade the proxy, or build the codec with @meltemi/sdk ${newestSdk()}`
  const changes = CONTRACT_VERSIONS.filter((version) => version.contract > contract).map(({ change }) => change)
  return `${both}; since then ${changes.join(', and ')}: adapt the codec and build it with @meltemi/sdk ${newestSdk()}`
}

function newestSdk(): string {
  return CONTRACT_VERSIONS.at(-1)?.sdk ?? ''
}

const MAX_LENGTH = 4_000

/** Everything that is wrong with a response, for its sender; of a great many things the first. */
export function describeFaults(faults: readonly string[]): string {
  let text = ''
  for (const [index, fault] of faults.entries()) {
    const next = text === '' ? fault : `${text}; ${fault}`
    if (next.length > MAX_LENGTH && index > 0) return `${text}; and ${faults.length - index} more`
    text = next
  }
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text
}

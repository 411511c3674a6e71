const MAX_LINE_LENGTH = 16 * 1024 * 1024

/** The lines of a text that arrives in pieces, without their ends. Throws for one that never seems to end. */
export async function* readLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const piece of pieces) {
    const parts = (rest + decoder.decode(piece, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    if (rest.length > MAX_LINE_LENGTH) throw new Error(`a line is longer than ${MAX_LINE_LENGTH}`)
    yield* parts
  }
  if (rest !== '') yield rest
}

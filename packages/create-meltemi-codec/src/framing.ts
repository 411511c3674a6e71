/** How messages are told apart in the stream of bytes, and what the samples of each kind call their commands. */
export const FRAMINGS = {
  length: { description: 'a header with an id and the length of the message', hello: '1', bye: '2' },
  delimiter: { description: 'lines of text without ids, ended by LF or CRLF', hello: 'HELLO', bye: 'BYE' },
  fixed: { description: 'records of 32 bytes with an id', hello: '1', bye: '2' },
} as const

export type Framing = keyof typeof FRAMINGS

/** Whether a project can be made of it. */
export function isFraming(text: string): text is Framing {
  return Object.hasOwn(FRAMINGS, text)
}

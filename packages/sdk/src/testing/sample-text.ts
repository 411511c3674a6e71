/**
 * Samples as text that people can read and write:
 *
 *   # what a client sends first; a line `# field: value` sets a field of the sample
 *   # config: {"lengthBytes":2}
 *   000b 0000002a   # length, id
 *   0102
 */

import type { Sample } from './sample.ts'

/** What a file can say of a sample besides its bytes. */
export type SampleFields = Omit<Sample, 'name' | 'side' | 'bytes'>

export interface SampleText {
  readonly bytes: Buffer
  readonly fields: SampleFields
}

const FIELD = /^\s*#\s*(messages|config|once|changeable|mutable|ids)\s*:(.*)$/

const FIELDS: Readonly<Record<string, (text: string) => SampleFields>> = {
  messages: (text) => ({ messages: wholeOf(text) }),
  config: (text) => ({ config: JSON.parse(text) }),
  once: (text) => ({ once: booleanOf(text) }),
  changeable: (text) => ({ changeable: namesOf(text) }),
  mutable: (text) => ({ mutable: booleanOf(text) }),
  ids: (text) => ({ ids: booleanOf(text) }),
}

/** Reads such a text; `file` is what an Error names, with the line. */
export function parseSampleText(text: string, file: string): SampleText {
  const parts: Buffer[] = []
  let fields: SampleFields = {}
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    try {
      fields = { ...fields, ...fieldsOf(line) }
      parts.push(bytesOf(line))
    } catch (error: unknown) {
      throw new Error(`${file}:${index + 1}: ${error instanceof Error ? error.message : error}`, { cause: error })
    }
  }
  const bytes = Buffer.concat(parts)
  if (bytes.length === 0) throw new Error(`${file}: no bytes`)
  return { bytes, fields }
}

/** The text of a sample, which `parseSampleText` reads back; `comment` comes before everything else. */
export function formatSampleText(sample: Omit<Sample, 'name' | 'side'>, comment = ''): string {
  const { messages, config, once, changeable, mutable, ids } = sample
  const fields = [
    messages !== undefined && `messages: ${messages}`,
    config !== undefined && `config: ${JSON.stringify(config)}`,
    once !== undefined && `once: ${once}`,
    changeable !== undefined && `changeable: ${changeable.join(', ')}`,
    mutable !== undefined && `mutable: ${mutable}`,
    ids !== undefined && `ids: ${ids}`,
  ].filter((field) => field !== false)
  const lines = comment === '' ? [] : comment.split('\n')
  const rows = sample.bytes.toString('hex').match(/.{1,64}/g) ?? []
  return [...lines, ...fields].map((line) => `# ${line}\n`).join('') + rows.map((row) => `${row}\n`).join('')
}

function fieldsOf(line: string): SampleFields {
  const [, name = '', value = ''] = FIELD.exec(line) ?? []
  try {
    return FIELDS[name]?.(value.trim()) ?? {}
  } catch (error: unknown) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : error}`, { cause: error })
  }
}

function bytesOf(line: string): Buffer {
  const digits = line.replace(/#.*$/, '').replaceAll(/\s/g, '')
  const wrong = /[^0-9a-fA-F]/.exec(digits)
  if (wrong !== null) throw new Error(`${JSON.stringify(wrong[0])} is not a hexadecimal digit`)
  if (digits.length % 2 !== 0) throw new Error(`${digits.length} hexadecimal digits are no whole bytes`)
  return Buffer.from(digits, 'hex')
}

function wholeOf(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new Error(`expected a whole number above 0, got ${JSON.stringify(text)}`)
}

function booleanOf(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  throw new Error(`expected true or false, got ${JSON.stringify(text)}`)
}

function namesOf(text: string): string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.includes('')) throw new Error(`expected names with commas between them, got ${JSON.stringify(text)}`)
  return names
}

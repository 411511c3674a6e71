/** Random rules of RBAC, and random requests that they often fit. */

import type { Random } from '@meltemi/proxy'

export type Json = { readonly [key: string]: unknown }

export interface Asked {
  readonly headers: Readonly<Record<string, string>>
  /** Where the client connects from. */
  readonly from: string
}

/** Stands for the port that the client has connected to. */
export const PORT = 'PORT'

const NAMES = ['x-a', 'X-B', 'x-n', 'x-none']
const VALUES = ['read', 'Read', 'readme', 'write', '', 'a,b', '7', '-3', '12x']
const SOURCES = ['127.0.0.1', '127.0.0.2', '127.0.1.7']
const RANGES = [
  ['127.0.0.1', 32],
  ['127.0.0.0', 30],
  ['127.0.0.0', 16],
  ['127.255.0.0', 8],
  ['10.0.0.0', 8],
  ['0.0.0.0', 0],
  ['::1', 128],
  ['::', 0],
] as const

export class PolicyDraw {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  asked(): Asked {
    const headers: Record<string, string> = {}
    for (const name of NAMES.slice(0, 3)) if (this.#random.next() < 0.8) headers[name] = this.#pick(VALUES)
    return { headers, from: this.#pick(SOURCES) }
  }

  rules(): Json {
    const policies: Record<string, Json> = {}
    for (const name of ['b', 'a', 'C', 'a-b', 'a.b'].slice(0, this.#upTo(5))) {
      const permissions = this.#several(() => this.#permission(2), 1)
      policies[name] = { permissions, principals: this.#several(() => this.#principal(2), 1) }
    }
    return { action: this.#pick(['ALLOW', 'ALLOW', 'DENY', 'DENY', 'LOG']), policies }
  }

  #permission(depth: number): Json {
    if (depth > 0 && this.#random.next() < 0.4) {
      const rules = () => ({ rules: this.#several(() => this.#permission(depth - 1), 1) })
      return this.#pick<() => Json>([
        () => ({ and_rules: rules() }),
        () => ({ or_rules: rules() }),
        () => ({ not_rule: this.#permission(depth - 1) }),
      ])()
    }
    return this.#pick<() => Json>([
      () => ({ any: true }),
      () => ({ header: this.#header() }),
      () => ({ header: this.#header() }),
      () => ({ header: this.#header() }),
      () => ({ destination_ip: this.#range() }),
      () => ({ destination_port: this.#pick([PORT, 1]) }),
      () => ({
        destination_port_range: this.#pick([
          { start: 1, end: 65_535 },
          { start: 1, end: 2 },
        ]),
      }),
      () => ({ requested_server_name: this.#pick([{ exact: '' }, { suffix: 'a' }, { safe_regex: { regex: '.*' } }]) }),
    ])()
  }

  #principal(depth: number): Json {
    if (depth > 0 && this.#random.next() < 0.4) {
      const ids = () => ({ ids: this.#several(() => this.#principal(depth - 1), 1) })
      return this.#pick<() => Json>([
        () => ({ and_ids: ids() }),
        () => ({ or_ids: ids() }),
        () => ({ not_id: this.#principal(depth - 1) }),
      ])()
    }
    return this.#pick<() => Json>([
      () => ({ any: true }),
      () => ({ any: true }),
      () => ({ direct_remote_ip: this.#range() }),
      () => ({ remote_ip: this.#range() }),
      () => ({ header: this.#header() }),
      // nobody is, without TLS
      () => ({ authenticated: this.#pick([{}, { principal_name: { prefix: 'a' } }]) }),
    ])()
  }

  #header(): Json {
    const invert = this.#random.next() < 0.25 ? { invert_match: true } : {}
    const missing = this.#random.next() < 0.2 ? { treat_missing_header_as_empty: true } : {}
    return { name: this.#pick(NAMES), ...this.#match(), ...invert, ...missing }
  }

  #match(): Json {
    const text = this.#pick(['read', 'Read', 'r', 'e', '7'])
    const ignore_case = this.#random.next() < 0.4
    return this.#pick<() => Json>([
      () => ({ string_match: { exact: this.#pick(VALUES), ignore_case } }),
      () => ({ string_match: { prefix: text, ignore_case } }),
      () => ({ string_match: { suffix: text, ignore_case } }),
      () => ({ string_match: { contains: text, ignore_case } }),
      () => ({ string_match: { safe_regex: { regex: this.#pick(['read|write', 'r.*', '.*', '[0-9]+']) } } }),
      () => ({ range_match: { start: -5, end: this.#pick([0, 8]) } }),
      () => ({ present_match: this.#random.next() < 0.5 }),
    ])()
  }

  #range(): Json {
    const [address_prefix, prefix_len] = this.#pick(RANGES)
    return { address_prefix, prefix_len }
  }

  #several(draw: () => Json, least: number): readonly Json[] {
    return Array.from({ length: least + this.#upTo(2) }, draw)
  }

  /** 0 to `most`. */
  #upTo(most: number): number {
    return Math.floor(this.#random.next() * (most + 1))
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random.next() * choices.length)] as T
  }
}

/** With a number where `PORT` stands. */
export function withPort(rules: Json, port: number): Json {
  return JSON.parse(JSON.stringify(rules).replaceAll(`"${PORT}"`, String(port))) as Json
}

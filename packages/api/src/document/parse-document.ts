import {
  Alias,
  type Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type YAMLMap,
} from 'yaml'
import type { ProblemList } from '../schema/problem-list.ts'
import { MAX_DEPTH, MAX_NODES } from './document-bounds.ts'
import { tryParseJson } from './parse-json.ts'
import type { Place, SourceEntry, SourceNode } from './source-node.ts'

/** Reads one YAML or JSON document. Returns undefined, with problems, when the text cannot be read at all. */
export function parseDocument(text: string, problems: ProblemList): SourceNode | undefined {
  return tryParseJson(text, problems) ?? parseYaml(text, problems)
}

export function parseYaml(text: string, problems: ProblemList): SourceNode | undefined {
  const lines = new LineCounter()
  const documents = readDocuments(text, lines, problems)
  const [document, second] = documents
  if (document === undefined) return undefined
  const before = problems.errorCount
  for (const each of documents) reportSyntax(each, lines, problems)
  if (second !== undefined) {
    problems.error(
      { path: '', place: placeAt(second.range[0], lines) },
      'expected one document, found another after `---`',
    )
  }
  if (problems.errorCount > before) return undefined
  if (document.contents === null) {
    problems.error({ path: '', place: { line: 1, column: 1 } }, 'the file is empty')
    return undefined
  }
  return new SourceReader(lines, problems).read(document, document.contents)
}

/**
 * Reads all documents of a YAML or JSON text, without those that are empty. Returns none, with problems, when a part of
 * it cannot be read.
 */
export function parseDocuments(text: string, problems: ProblemList): readonly SourceNode[] {
  const json = tryParseJson(text, problems)
  if (json !== undefined) return problems.errorCount > 0 ? [] : [json]
  const lines = new LineCounter()
  const documents = readDocuments(text, lines, problems)
  for (const each of documents) reportSyntax(each, lines, problems)
  if (problems.errorCount > 0) return []
  const reader = new SourceReader(lines, problems)
  const nodes = documents.flatMap((each) => {
    const { contents } = each
    return contents === null || isNull(contents) ? [] : [reader.read(each, contents)]
  })
  return problems.errorCount > 0 ? [] : nodes
}

function isNull(contents: Node): boolean {
  return isScalar(contents) && contents.value === null
}

function readDocuments(text: string, lines: LineCounter, problems: ProblemList): readonly Document.Parsed[] {
  try {
    const options = {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      intAsBigInt: true,
      logLevel: 'silent',
    } as const
    const documents = parseAllDocuments(text, options)
    if (!('empty' in documents)) return documents
    problems.error({ path: '', place: { line: 1, column: 1 } }, 'the file is empty')
  } catch (error) {
    // Nesting of many thousand levels overflows the parser's stack.
    const reason = error instanceof Error ? error.message : String(error)
    problems.error({ path: '', place: { line: 1, column: 1 } }, `cannot be read as YAML: ${reason}`)
  }
  return []
}

function reportSyntax(document: Document.Parsed, lines: LineCounter, problems: ProblemList): void {
  for (const error of document.errors) problems.error({ path: '', place: placeAt(error.pos[0], lines) }, error.message)
  for (const warning of document.warnings)
    problems.warning({ path: '', place: placeAt(warning.pos[0], lines) }, warning.message)
}

function placeAt(offset: number | undefined, lines: LineCounter): Place {
  if (offset === undefined) return { line: 0, column: 0 }
  const { line, col } = lines.linePos(offset)
  return { line, column: col }
}

/** The bounds are those of all documents that one reader reads. */
class SourceReader {
  readonly #lines: LineCounter
  readonly #problems: ProblemList
  /** Looking one up walks through the document. */
  readonly #targets = new Map<Alias, Node | undefined>()
  #document: Document.Parsed | undefined
  #nodes = 0
  #isOver = false

  constructor(lines: LineCounter, problems: ProblemList) {
    this.#lines = lines
    this.#problems = problems
  }

  read(document: Document.Parsed, contents: Node): SourceNode {
    this.#document = document
    return this.#read(contents, 0)
  }

  #read(node: Node | null, depth: number): SourceNode {
    const place = placeAt(node?.range?.[0], this.#lines)
    if (node instanceof Alias) return this.#readAlias(node, place, depth)
    if (this.#isTooMuch(depth, place)) return { kind: 'scalar', place, value: null }
    if (isSeq(node))
      return { kind: 'list', place, items: node.items.map((item) => this.#read(item as Node | null, depth + 1)) }
    if (isMap(node)) return { kind: 'map', place, entries: this.#readEntries(node, depth) }
    return { kind: 'scalar', place, value: isScalar(node) ? toScalar(node.value) : null }
  }

  #readAlias(node: Alias, place: Place, depth: number): SourceNode {
    if (!this.#targets.has(node)) this.#targets.set(node, node.resolve(this.#document as Document.Parsed))
    const target = this.#targets.get(node)
    if (target !== undefined) return this.#read(target, depth + 1)
    this.#problems.error({ path: '', place }, `there is no anchor &${node.source}`)
    return { kind: 'scalar', place, value: null }
  }

  #isTooMuch(depth: number, place: Place): boolean {
    this.#nodes += 1
    if (this.#nodes <= MAX_NODES && depth <= MAX_DEPTH) return false
    if (!this.#isOver) {
      const bound = depth > MAX_DEPTH ? `${MAX_DEPTH} levels of nesting` : `${MAX_NODES} values`
      this.#problems.error({ path: '', place }, `the document has more than ${bound}`)
    }
    this.#isOver = true
    return true
  }

  /** Entries of `<<` come first, so that the mapping's own win without a warning. */
  #readEntries(map: YAMLMap, depth: number): readonly SourceEntry[] {
    const merged = new Map<string, SourceEntry>()
    const own: SourceEntry[] = []
    for (const pair of map.items as Pair<Node, Node | null>[]) {
      if (this.#isOver) break
      const key = isScalar(pair.key) ? String(pair.key.value) : ''
      const keyPlace = placeAt(pair.key?.range?.[0], this.#lines)
      if (!isScalar(pair.key)) this.#problems.error({ path: '', place: keyPlace }, 'expected a plain key')
      const value = this.#read(pair.value, depth + 1)
      if (key === '<<' && isScalar(pair.key) && pair.key.type === 'PLAIN') this.#merge(value, merged)
      else own.push({ key, keyPlace, value })
    }
    for (const entry of own) merged.delete(entry.key)
    return [...merged.values(), ...own]
  }

  #merge(value: SourceNode, into: Map<string, SourceEntry>): void {
    const sources = value.kind === 'list' ? value.items : [value]
    for (const source of sources) {
      if (source.kind !== 'map')
        this.#problems.error({ path: '', place: source.place }, 'expected a mapping after `<<`')
      else for (const entry of source.entries) if (!into.has(entry.key)) into.set(entry.key, entry)
    }
  }
}

function toScalar(value: unknown): string | number | bigint | boolean | null {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return value
  return value === null || value === undefined ? null : String(value)
}

import { formatProblem, ProblemList, parseDocument } from '@meltemi/api/document'
import { type DomainNode, newDomain, readDomain } from './rule-reader.ts'
import { RuleSet } from './rule-set.ts'

export interface RuleFile {
  /** As it shall be named in problems. */
  readonly name: string
  readonly text: string
}

export interface RulesOptions {
  /** Files of one domain are put together; otherwise a domain has one file. */
  readonly mergesDomains: boolean
}

/** Everything that is wrong, one line each, as `file:line:column: path: reason`. */
export class RulesError extends Error {
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    super(lines.join('; '))
    this.name = 'RulesError'
    this.lines = lines
  }
}

/** All rules of some files. Throws `RulesError` when anything is wrong in any of them. */
export function parseRules(files: readonly RuleFile[], options: RulesOptions): RuleSet {
  const domains = new Map<string, DomainNode>()
  const owners = new Map<string, string>()
  const lists = files.map((file) => {
    const problems = new ProblemList(file.name)
    readFile(file, problems, domains, owners, options)
    return problems
  })
  const problems = lists.flatMap((list) => list.sorted())
  if (lists.some(({ errorCount }) => errorCount > 0)) throw new RulesError(problems.map(formatProblem))
  return new RuleSet(domains)
}

function readFile(
  file: RuleFile,
  problems: ProblemList,
  domains: Map<string, DomainNode>,
  owners: Map<string, string>,
  { mergesDomains }: RulesOptions,
): void {
  const root = parseDocument(file.text, problems)
  const read = root && readDomain(root, problems)
  if (read === undefined) return
  const { domain, place } = read
  const owner = owners.get(domain)
  if (owner !== undefined && !mergesDomains) {
    problems.error({ path: 'domain', place }, `the domain ${JSON.stringify(domain)} is in ${owner} already`)
    return
  }
  const node = domains.get(domain) ?? newDomain()
  domains.set(domain, node)
  owners.set(domain, owner ?? file.name)
  read.addTo(node)
}

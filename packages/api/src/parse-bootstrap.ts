import { convertBootstrap } from './convert/bootstrap.ts'
import type { ValidateOptions } from './convert/convert-context.ts'
import { noOps } from './convert/no-ops.ts'
import { parseDocument } from './document/parse-document.ts'
import { BootstrapSchema } from './gen/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import type { Problem, ProxyConfig } from './model/index.ts'
import { toProtoJson } from './schema/plain-json.ts'
import { ProblemList } from './schema/problem-list.ts'
import { readMessage } from './schema/read-message.ts'
import { refuseUnread } from './schema/refuse-unread.ts'

export interface BootstrapResult {
  /** undefined when there is at least one error. */
  readonly config: ProxyConfig | undefined
  /** Errors and warnings in the order of the file. */
  readonly problems: readonly Problem[]
  /** The module files that it names, as written; also when something else is wrong. */
  readonly modules: readonly string[]
  /** What it says in proto JSON, with the names of the .proto files, as Envoy prints it; for those who show it. */
  readonly bootstrap: Readonly<Record<string, unknown>>
}

/** Reads an Envoy bootstrap in YAML or JSON. Never throws for what the text says; all its problems are in the result. */
export function parseBootstrap(text: string, fileName: string, options: ValidateOptions = {}): BootstrapResult {
  const problems = new ProblemList(fileName)
  const source = parseDocument(text, problems)
  if (source === undefined || problems.errorCount > 0)
    return { config: undefined, problems: problems.sorted(), modules: [], bootstrap: {} }
  const allowUnknownFields = options.allowUnknownFields ?? false
  const bootstrap = readMessage({ problems, allowUnknownFields }, BootstrapSchema, source, '')
  const config = convertBootstrap(bootstrap, options)
  refuseUnread(bootstrap, noOps)
  return {
    config: problems.errorCount > 0 ? undefined : config,
    problems: problems.sorted(),
    modules: config.modules,
    bootstrap: toProtoJson(bootstrap),
  }
}
